/** A signal with a time limit. */
export interface Deadline {
  /** Aborts with the first of the signals, or when the time limit expires. */
  readonly signal: AbortSignal;
  /**
   * Removes the listeners and the timer. Call it once the signal is no longer needed. An aborted signal has already
   * removed them.
   */
  readonly clear: () => void;
}

/**
 * Returns a signal that aborts with the first of the given signals, and at the latest after `ms` milliseconds. It uses
 * listeners that `clear` removes. An `AbortSignal.timeout` stays in memory until it fires (0.8 KiB each). An
 * `AbortSignal.any` of a signal that lives as long as the process occupies memory until the garbage collector finalizes
 * it.
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
