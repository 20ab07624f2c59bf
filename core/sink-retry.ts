import { backoffMs } from './backoff.ts';
import { sinkLimits } from './distribution-limits.ts';
import { isBroker } from './sink.ts';

/**
 * How long a sink is left alone after so many failures in a row. What the other side asked for is never cut short; those whom it told the
 * same moment are spread.
 */
export function sinkRetryMs(
  sink: string,
  { failures, random01, retryAfterMs }: { failures: number; random01: number; retryAfterMs: number | null },
): number {
  const backoff = isBroker(sink) ? sinkLimits.brokerBackoff : sinkLimits.webhookBackoff;
  const ownMs = backoffMs(failures, random01, backoff);
  if (retryAfterMs === null) return ownMs;
  return Math.max(ownMs, retryAfterMs + Math.round(random01 * backoff.firstMs));
}
