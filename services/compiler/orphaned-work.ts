import { setImmediate } from 'node:timers/promises';

/**
 * The maximum time between two yields to the event loop, in milliseconds. A process detects the exit of its parent
 * only when it yields.
 */
const YIELD_MS = 250;

/** The ID of the parent process at startup. `process.ppid` has another value after the parent has exited. */
const startedBy = process.ppid;

/**
 * Returns a function that yields to the event loop if the last yield was more than `YIELD_MS` ago. A loop calls it
 * after each short step.
 */
export function periodicYield(): () => Promise<void> {
  let last = performance.now();
  return async () => {
    if (performance.now() - last < YIELD_MS) return;
    await setImmediate();
    last = performance.now();
  };
}

/**
 * Exits if the parent process has exited. Long work that does not yield to the event loop must call it, because only
 * the parent enforces the time limit of the work.
 */
export function exitIfOrphaned(): void {
  if (process.ppid !== startedBy) process.exit(0);
}
