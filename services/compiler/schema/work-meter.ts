/** Thrown out of work that has taken longer than it may. */
export class WorkTooLong extends Error {}

/** Bounds work that can only be interrupted from within: a validator that was generated from a tenant's schema. */
export interface WorkMeter {
  /** Runs the work, which then may take so much processor time. Inside another `within`, the inner bound counts until it ends. */
  readonly within: <T>(limitMs: number, work: () => T) => T;
  /** Called by the work at every step, or for so many at once. Throws WorkTooLong once the time is used up, and at every later look. */
  readonly tick: (steps?: number) => void;
}

/** The clock is read at every so many steps: reading it takes longer than a usual step does. */
const STEPS_A_LOOK = 16;

interface Bound {
  readonly limitMs: number;
  readonly cpuBefore: number;
  /** Before this time on the wall the processor time cannot be used up. */
  notBefore: number;
}

/** Processor time of the thread is what counts, so that a busy machine makes no document invalid. */
export function workMeter(): WorkMeter {
  let bound: Bound | null = null;
  let steps = 0;
  const look = ({ limitMs, cpuBefore }: Bound): void => {
    const used = cpuMs() - cpuBefore;
    if (used >= limitMs) throw new WorkTooLong(`the work took more than ${limitMs} ms`);
    if (bound) bound.notBefore = performance.now() + limitMs - used;
  };
  return {
    within: (limitMs, work) => {
      const outer = bound;
      bound = { limitMs, cpuBefore: cpuMs(), notBefore: performance.now() + limitMs };
      try {
        return work();
      } finally {
        bound = outer;
      }
    },
    tick: (more = 1) => {
      steps += more;
      if (steps < STEPS_A_LOOK) return;
      steps = 0;
      if (bound && performance.now() >= bound.notBefore) look(bound);
    },
  };
}

function cpuMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1_000;
}
