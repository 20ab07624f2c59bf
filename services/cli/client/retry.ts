import { setTimeout as delay } from 'node:timers/promises';

import { retryWaitMs } from '../../../core/backoff.ts';
import { retryAfterMs } from '../../http/retry-after.ts';
import { cliLimits } from '../limits.ts';

/**
 * How long to wait before attempt number `attempt + 1`, in milliseconds. Null when the server asks for more than {@link
 * cliLimits.longestRetryAfterMs}: the command then fails and shows that.
 */
export function retryDelayMs(
  attempt: number,
  retryAfter: string | null,
  random01: number,
  firstMs: number = cliLimits.firstRetryMs,
): number | null {
  const bounds = { nowMs: Date.now(), maxMs: Number.POSITIVE_INFINITY };
  const askedMs = retryAfterMs(retryAfter ?? undefined, bounds);
  if (askedMs !== null && askedMs > cliLimits.longestRetryAfterMs) return null;
  const backoff = { firstMs, factor: 2, maxMs: cliLimits.longestRetryMs };
  return retryWaitMs({ attempt, random01, retryAfterMs: askedMs }, backoff);
}

/** Waits, or throws the signal's reason when the command is interrupted. */
export async function waitFor(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal }).catch((error: unknown) => {
    throw signal.aborted ? signal.reason : error;
  });
}
