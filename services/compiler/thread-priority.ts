import { readlinkSync } from 'node:fs';
import { setPriority } from 'node:os';

/**
 * Lets everything else that wants a processor go before this thread, and before what it starts. Only Linux gives threads a priority of their
 * own; elsewhere this does nothing. `niceness`: 0 is as usual, 19 the least.
 */
export function yieldToOthers(niceness: number): void {
  const thread = threadId();
  if (thread === null) return;
  try {
    setPriority(thread, niceness);
  } catch {
    // Somebody has forbidden it, as a sandbox may. It is then as fast as the others.
  }
}

/** As the kernel counts threads; null where it does not say. */
function threadId(): number | null {
  try {
    const id = Number(readlinkSync('/proc/thread-self').split('/').at(-1));
    return Number.isSafeInteger(id) && id > 0 ? id : null;
  } catch {
    return null;
  }
}
