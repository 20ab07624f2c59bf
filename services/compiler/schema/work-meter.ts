import { endWhenOrphaned } from '../orphaned-work.ts';

/** Thrown out of work that has taken longer than it may. */
export class WorkTooLong extends Error {}

/** Bounds work that can only be interrupted from within: a validator that was generated from a tenant's schema. */
export interface WorkMeter {
  /** Runs the work, which then may take so much processor time. Inside another `within`, the inner bound counts until it ends. */
  readonly within: <T>(limitMs: number, work: () => T) => T;
  /** Called by the work at every step, or for so many at once. Throws WorkTooLong once the time is used up, and at every later look. */
  readonly tick: (steps?: number) => void;
}

/** Maximum wall time between two checks, which also end the work when the parent process is gone. */
const LOOK_MS = 250;
/** Steps between two readings of the clock: a reading takes longer than a usual step. */
const STEPS_A_LOOK = 16;

interface Bound {
  readonly limitMs: number;
  readonly cpuBefore: number;
  /** The time on the wall of the next look. Before it the processor time can't be used up. */
  notBefore: number;
}

/** Processor time of the thread is what counts, so that a busy machine makes no document invalid. */
export function workMeter(): WorkMeter {
  let bound: Bound | null = null;
  let steps = 0;
  const look = ({ limitMs, cpuBefore }: Bound): void => {
    endWhenOrphaned();
    const used = cpuMs() - cpuBefore;
    if (used >= limitMs) throw new WorkTooLong(`the work took more than ${limitMs} ms`);
    if (bound) bound.notBefore = nextLook(limitMs - used);
  };
  return {
    within: (limitMs, work) => {
      const outer = bound;
      bound = { limitMs, cpuBefore: cpuMs(), notBefore: nextLook(limitMs) };
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

function nextLook(leftMs: number): number {
  return performance.now() + Math.min(leftMs, LOOK_MS);
}

function cpuMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1_000;
}
