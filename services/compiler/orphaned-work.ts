import { setImmediate } from 'node:timers/promises';

/** Maximum time without a turn of the event loop, in which a process notices that its parent has exited. */
const YIELD_MS = 250;

/** The parent process. `process.ppid` changes when the parent exits. */
const startedBy = process.ppid;

/** Yields to the event loop at intervals. For loops with short steps. */
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
