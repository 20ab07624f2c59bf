/** A signal with an end of its own. */
export interface Deadline {
  /** Aborts with the first of the signals, or when the time is over. */
  readonly signal: AbortSignal;
  /** For when nothing waits for it any more: frees its timer. */
  readonly clear: () => void;
}

/**
 * What waits until one of those signals aborts, and at most that long. `AbortSignal.timeout` would keep what was made of it in memory
 * until it fires, although what waited has long ended: 0.8 KiB for each.
 */
export function deadlineOf(signals: readonly AbortSignal[], ms: number): Deadline {
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(), ms);
  return { signal: AbortSignal.any([...signals, late.signal]), clear: () => clearTimeout(timer) };
}
