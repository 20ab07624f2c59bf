/** A signal with an additional time limit. */
export interface Deadline {
  /** Aborts with the first of the signals, or when the time is over. */
  readonly signal: AbortSignal;
  /** Removes the listeners and the timer. Must be called when nothing waits for the signal any more; when it has aborted, this is done. */
  readonly clear: () => void;
}

/**
 * A signal that aborts with the first of those signals, and at the latest after `ms`. It uses listeners that `clear` removes, because
 * `AbortSignal.timeout` stays in memory until it fires (0.8 KiB each), and `AbortSignal.any` of a signal that lives as long as the process
 * leaves memory behind until the garbage collector finalizes it.
 */
export function deadlineOf(signals: readonly AbortSignal[], ms: number): Deadline {
  const controller = new AbortController();
  const clear = (): void => {
    clearTimeout(timer);
    for (const signal of signals) signal.removeEventListener('abort', abort);
  };
  const abort = (): void => {
    clear();
    controller.abort();
  };
  const timer = setTimeout(abort, ms);
  for (const signal of signals) signal.addEventListener('abort', abort);
  if (signals.some(({ aborted }) => aborted)) abort();
  return { signal: controller.signal, clear };
}
