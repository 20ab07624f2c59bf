import { setImmediate } from 'node:timers/promises';

/** Work without a turn of the event loop: a process learns within this time that the one that started it is gone. */
const BREATH_MS = 250;

/** The process that started this one. It changes when that one ends. */
const startedBy = process.ppid;

/** Lets the event loop have a turn now and then, for loops whose steps are short. */
export function breather(): () => Promise<void> {
  let last = performance.now();
  return async () => {
    if (performance.now() - last < BREATH_MS) return;
    await setImmediate();
    last = performance.now();
  };
}

/**
 * Ends this process when the one that started it is gone, for work that can't wait for a turn of the event loop: nobody would end the process
 * when its time is over.
 */
export function endWhenOrphaned(): void {
  if (process.ppid !== startedBy) process.exit(0);
}
