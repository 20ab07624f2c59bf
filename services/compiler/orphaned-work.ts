import { setImmediate } from 'node:timers/promises';

/** Maximum time without a turn of the event loop: within it, a process notices that its parent has ended. */
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
 * Exits if the parent process is gone. For work without a turn of the event loop: without the parent, nothing would enforce the limit on its
 * time.
 */
export function endWhenOrphaned(): void {
  if (process.ppid !== startedBy) process.exit(0);
}
