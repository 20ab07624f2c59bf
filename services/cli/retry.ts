import { setTimeout as delay } from 'node:timers/promises';

import { cliLimits } from './limits.ts';

/**
 * How long to wait before try number `attempt + 1`, in milliseconds: what the server asked for, or twice as long each time with up
 * to a half of jitter, so that a fleet of CI jobs does not come back as one. Null when the server asks for more than anybody
 * should wait unasked.
 *
 * @param random from 0 to 1
 */
export function retryDelayMs(
  attempt: number,
  retryAfter: string | null,
  random: number,
  firstMs: number = cliLimits.firstRetryMs,
): number | null {
  const asked = retryAfterMs(retryAfter);
  if (asked !== null) return asked > cliLimits.longestRetryAfterMs ? null : asked;
  const backoffMs = Math.min(firstMs * 2 ** (attempt - 1), cliLimits.longestRetryMs);
  return backoffMs * (1 - random / 2);
}

/** Waits, unless the command is interrupted: then it throws the signal's reason. */
export async function waitFor(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal }).catch((error: unknown) => {
    throw signal.aborted ? signal.reason : error;
  });
}

/** `Retry-After` in milliseconds: seconds, or a date (RFC 9110, section 10.2.3). Null when there is none that makes sense. */
function retryAfterMs(value: string | null): number | null {
  if (value === null) return null;
  if (/^[0-9]{1,9}$/.test(value.trim())) return Number(value) * 1_000;
  const at = Date.parse(value);
  return Number.isNaN(at) ? null : Math.max(0, at - Date.now());
}
