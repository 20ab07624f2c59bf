import { exitIfOrphaned } from '../orphaned-work.ts';

/** The work exceeded its time limit. */
export class WorkTooLong extends Error {}

/** Bounds work that only the work itself can interrupt, such as a validator generated from a tenant's schema. */
export interface WorkMeter {
  /** Runs the work with a limit on its CPU time. A nested `within` replaces the outer limit until it ends. */
  readonly within: <T>(limitMs: number, work: () => T) => T;
  /** Counts one or several steps of the work. Throws WorkTooLong when the time is used up, and at each later call. */
  readonly tick: (steps?: number) => void;
}

/** Maximum wall time between two checks. A check also exits if the parent process has exited. */
const CHECK_MS = 250;
/** Steps between two readings of the clock. A reading takes longer than a usual step. */
const STEPS_PER_CLOCK_READ = 16;

interface Bound {
  readonly limitMs: number;
  readonly cpuBefore: number;
  /** The wall time of the next check. The CPU time can't be used up before it. */
  nextCheckAt: number;
}

/** Limits the CPU time of the thread instead of the wall time, so a busy machine does not make a document invalid. */
export function workMeter(): WorkMeter {
  let bound: Bound | null = null;
  let steps = 0;
  const check = ({ limitMs, cpuBefore }: Bound): void => {
    exitIfOrphaned();
    const used = cpuMs() - cpuBefore;
    if (used >= limitMs) throw new WorkTooLong(`the work took more than ${limitMs} ms`);
    if (bound) bound.nextCheckAt = nextCheck(limitMs - used);
  };
  return {
    within: (limitMs, work) => {
      const outer = bound;
      bound = { limitMs, cpuBefore: cpuMs(), nextCheckAt: nextCheck(limitMs) };
      try {
        return work();
      } finally {
        bound = outer;
      }
    },
    tick: (more = 1) => {
      steps += more;
      if (steps < STEPS_PER_CLOCK_READ) return;
      steps = 0;
      if (bound && performance.now() >= bound.nextCheckAt) check(bound);
    },
  };
}

function nextCheck(leftMs: number): number {
  return performance.now() + Math.min(leftMs, CHECK_MS);
}

function cpuMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1_000;
}
