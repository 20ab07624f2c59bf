import { setTimeout as delay } from 'node:timers/promises';

import { retryWaitMs } from '@pointsman/protocol/calls/backoff';
import { retryAfterMs } from '@pointsman/protocol/calls/retry-after';
import { clientLimits } from './limits.ts';

/**
 * Returns how long to wait before attempt number `attempt + 1`, in milliseconds. Returns null if the server's
 * Retry-After is longer than {@link clientLimits.longestRetryAfterMs}; the call then fails.
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

/** Waits, or throws the signal's reason when the command is interrupted. */
export async function waitFor(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal }).catch((error: unknown) => {
    throw signal.aborted ? signal.reason : error;
  });
}
