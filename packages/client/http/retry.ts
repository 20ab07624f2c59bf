import { setTimeout as delay } from 'node:timers/promises';

import { retryWaitMs } from '@pointsman/protocol/calls/backoff';
import { retryAfterMs } from '@pointsman/protocol/calls/retry-after';
import { clientLimits } from './limits.ts';

/**
 * Returns how many milliseconds to wait after attempt number `attempt`. Returns null if the server's
 * Retry-After is longer than {@link clientLimits.longestRetryAfterMs}. The call must then fail.
 */
export function retryDelayMs(
  attempt: number,
  retryAfter: string | null,
  random01: number,
  firstMs: number = clientLimits.firstRetryMs,
): number | null {
  const bounds = { nowMs: Date.now(), maxMs: Number.POSITIVE_INFINITY };
  const askedMs = retryAfterMs(retryAfter ?? undefined, bounds);
  if (askedMs !== null && askedMs > clientLimits.longestRetryAfterMs) return null;
  const backoff = { firstMs, factor: 2, maxMs: clientLimits.longestRetryMs };
  return retryWaitMs({ attempt, random01, retryAfterMs: askedMs }, backoff);
}

/** Waits for `ms` milliseconds. Throws the signal's reason if the signal aborts. */
export async function waitFor(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal }).catch((error: unknown) => {
    throw signal.aborted ? signal.reason : error;
  });
}
