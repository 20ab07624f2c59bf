/** The parameters of an exponential backoff, the wait between attempts. */
export interface Backoff {
  readonly firstMs: number;
  readonly factor: number;
  readonly maxMs: number;
}

/** An exponential backoff with a maximum number of attempts. */
export interface BoundedBackoff extends Backoff {
  /** The maximum number of attempts, including the first one. */
  readonly attempts: number;
}

/**
 * Returns how long to wait after a failed attempt, in milliseconds. Attempts count from 1, and `random01` is
 * in [0, 1).
 *
 * The wait is between 50 % and 100 % of the exponential delay. It is at least half, to protect a server that
 * is down from frequent retries. The rest is random, so that callers that failed at the same time do not
 * retry at the same time.
 */
export function backoffMs(attempt: number, random01: number, { firstMs, factor, maxMs }: Backoff): number {
  const wholeMs = Math.min(maxMs, firstMs * factor ** (attempt - 1));
  return Math.round((wholeMs * (1 + random01)) / 2);
}

/**
 * A failed attempt: its number, which counts from 1; a random number in [0, 1); and the `Retry-After` of the
 * response in milliseconds, or null.
 */
export interface FailedAttempt {
  readonly attempt: number;
  readonly random01: number;
  readonly retryAfterMs: number | null;
}

/**
 * Returns how long to wait after a failed attempt, in milliseconds. The wait is at least the `Retry-After`
 * and at least the backoff. A `Retry-After` of 0 therefore does not disable the backoff. A random time of up
 * to `firstMs` is added to the `Retry-After`. Callers that received the same `Retry-After` therefore do not
 * all retry at the same time.
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
