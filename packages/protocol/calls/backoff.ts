/** Describes the exponentially growing waits between attempts. */
export interface Backoff {
  readonly firstMs: number;
  readonly factor: number;
  readonly maxMs: number;
}

/** A backoff with a maximum number of attempts. */
export interface BoundedBackoff extends Backoff {
  /** The number of attempts, including the first one. */
  readonly attempts: number;
}

/**
 * Returns how long to wait after an attempt, whose number starts at 1. `random01` is in [0, 1). The wait is
 * between half of the exponential delay and the full delay. The fixed half protects a provider that is down
 * from frequent retries. The random half spreads callers that failed at the same time.
 */
export function backoffMs(attempt: number, random01: number, { firstMs, factor, maxMs }: Backoff): number {
  const wholeMs = Math.min(maxMs, firstMs * factor ** (attempt - 1));
  return Math.round((wholeMs * (1 + random01)) / 2);
}

/** A failed attempt: its number, counted from 1; a number in [0, 1); and the `Retry-After` of the response, or null. */
export interface FailedAttempt {
  readonly attempt: number;
  readonly random01: number;
  readonly retryAfterMs: number | null;
}

/**
 * Returns how long to wait after an attempt, considering the `Retry-After` of the response. The wait is never
 * shorter than `Retry-After` or the backoff, so a `Retry-After` of 0 does not disable the backoff. Callers
 * that received the same `Retry-After` are spread over `firstMs`.
 */
export function retryWaitMs({ attempt, random01, retryAfterMs }: FailedAttempt, backoff: Backoff): number {
  const ownMs = backoffMs(attempt, random01, backoff);
  if (retryAfterMs === null) return ownMs;
  return Math.max(ownMs, retryAfterMs + Math.round(random01 * backoff.firstMs));
}

/** Returns the wait before the next attempt, or null if the failed attempt was the last one. */
export function nextAttemptMs(failed: FailedAttempt, backoff: BoundedBackoff): number | null {
  return failed.attempt >= backoff.attempts ? null : retryWaitMs(failed, backoff);
}
