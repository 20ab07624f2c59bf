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

/** An attempt that failed: its number, counted from 1; a number in [0, 1); and the `Retry-After` of the other side, or null. */
export interface FailedAttempt {
  readonly attempt: number;
  readonly random01: number;
  readonly retryAfterMs: number | null;
}

/**
 * How long to wait after an attempt when the other side may have asked for a wait. It is never shorter than the other side asked for, nor
 * than the backoff: a `Retry-After` of 0 does not switch that off. Callers that were given the same moment are spread over `firstMs`.
 */
export function retryWaitMs({ attempt, random01, retryAfterMs }: FailedAttempt, backoff: Backoff): number {
  const ownMs = backoffMs(attempt, random01, backoff);
  if (retryAfterMs === null) return ownMs;
  return Math.max(ownMs, retryAfterMs + Math.round(random01 * backoff.firstMs));
}

/** The same with an end: null when that attempt was the last. */
export function nextAttemptMs(failed: FailedAttempt, backoff: BoundedBackoff): number | null {
  return failed.attempt >= backoff.attempts ? null : retryWaitMs(failed, backoff);
}
