/** The waits between attempts at one effect. */
export interface Backoff {
  readonly firstMs: number;
  readonly factor: number;
  readonly maxMs: number;
}

/** A backoff with a maximum number of attempts. */
export interface BoundedBackoff extends Backoff {
  /** Includes the first attempt. */
  readonly attempts: number;
}

/**
 * How long to wait after that attempt, counted from 1. `random01` is in [0, 1). The wait is between half of the exponential delay and all
 * of it. The fixed half keeps retries away from a provider that is down. The random half spreads callers that failed together.
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
 * How long to wait after an attempt, given the `Retry-After` of the response. The wait is never shorter than `Retry-After` nor than the
 * backoff, so a `Retry-After` of 0 does not disable the backoff. Callers with the same `Retry-After` are spread over `firstMs`.
 */
export function retryWaitMs({ attempt, random01, retryAfterMs }: FailedAttempt, backoff: Backoff): number {
  const ownMs = backoffMs(attempt, random01, backoff);
  if (retryAfterMs === null) return ownMs;
  return Math.max(ownMs, retryAfterMs + Math.round(random01 * backoff.firstMs));
}

/** The wait before the next attempt; null when that attempt was the last. */
export function nextAttemptMs(failed: FailedAttempt, backoff: BoundedBackoff): number | null {
  return failed.attempt >= backoff.attempts ? null : retryWaitMs(failed, backoff);
}
