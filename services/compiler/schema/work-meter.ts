import { exitIfOrphaned } from '../orphaned-work.ts';

/** Thrown when work exceeds its limit of CPU time. */
export class WorkTooLong extends Error {}

/**
 * Limits the CPU time of work that can only interrupt itself, such as a validator that was generated from a tenant's
 * schema. The work must call `tick` regularly.
 */
export interface WorkMeter {
  /**
   * Runs work with a limit on its CPU time. During a nested call of `within`, only the limit of the nested call
   * applies.
   */
  readonly within: <T>(limitMs: number, work: () => T) => T;
  /**
   * Counts steps of the work; the default is one. Throws WorkTooLong when the time limit is exceeded, and in each
   * later call during the same work.
   */
  readonly tick: (steps?: number) => void;
}

/**
 * The maximum wall time between two checks, in milliseconds. A check reads the CPU time. It also exits the process if
 * the parent process has exited.
 */
const CHECK_MS = 250;
/** The number of steps between two reads of the clock. A read takes longer than a typical step. */
const STEPS_PER_CLOCK_READ = 16;

interface Bound {
  readonly limitMs: number;
  readonly cpuBefore: number;
  /**
   * The wall time of the next check. The CPU time can't reach its limit before this time, because it advances no
   * faster than the wall time.
   */
  nextCheckAt: number;
}

/**
 * Creates a meter of the thread's CPU time. A limit on the wall time would make a document invalid because the
 * machine is busy.
 */
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
