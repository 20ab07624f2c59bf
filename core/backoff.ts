/** How long to wait between attempts at the same effect. */
export interface Backoff {
  readonly firstMs: number;
  readonly factor: number;
  readonly maxMs: number;
}

/** The same, with an end. */
export interface BoundedBackoff extends Backoff {
  /** The first one counts. */
  readonly attempts: number;
}

/**
 * How long to wait after that attempt, counted from 1. `random01` is in [0, 1): the wait is between half and the whole of what the
 * attempt's number says. The half that is sure keeps a provider that is down from being asked at once by those who draw a small number;
 * the half that is not spreads those who failed together.
 */
export function backoffMs(attempt: number, random01: number, { firstMs, factor, maxMs }: Backoff): number {
  const wholeMs = Math.min(maxMs, firstMs * factor ** (attempt - 1));
  return Math.round((wholeMs * (1 + random01)) / 2);
}

/**
 * How long to wait after that attempt, or null when it was the last. What the other side asked for is never cut short; those whom it
 * told the same moment are spread over `firstMs`.
 */
export function nextAttemptMs(
  { attempt, random01, retryAfterMs }: { attempt: number; random01: number; retryAfterMs: number | null },
  backoff: BoundedBackoff,
): number | null {
  if (attempt >= backoff.attempts) return null;
  const ownMs = backoffMs(attempt, random01, backoff);
  if (retryAfterMs === null) return ownMs;
  return Math.max(ownMs, retryAfterMs + Math.round(random01 * backoff.firstMs));
}
