import { setImmediate } from 'node:timers/promises';

/** Maximum time without yielding to the event loop. A process detects the exit of its parent only when it yields. */
const YIELD_MS = 250;

/** The process ID of the parent. `process.ppid` changes when the parent exits. */
const startedBy = process.ppid;

/** Returns a function that yields to the event loop at intervals, for loops with short steps. */
export function periodicYield(): () => Promise<void> {
  let last = performance.now();
  return async () => {
    if (performance.now() - last < YIELD_MS) return;
    await setImmediate();
    last = performance.now();
  };
}

/**
 * Exits if the parent process has exited. For work that does not yield to the event loop: without the parent,
 * nothing would enforce its time limit.
 */
export function exitIfOrphaned(): void {
  if (process.ppid !== startedBy) process.exit(0);
}
