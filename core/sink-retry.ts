import { retryWaitMs } from '@pointsman/protocol/calls/backoff';
import { sinkLimits } from './limits/distribution-limits.ts';
import { isBroker } from '@pointsman/protocol/sinks/sink';

/** Returns how long the writer waits after the given number of consecutive failures of a sink. */
export function sinkRetryMs(
  sink: string,
  { failures, random01, retryAfterMs }: { failures: number; random01: number; retryAfterMs: number | null },
): number {
  const backoff = isBroker(sink) ? sinkLimits.brokerBackoff : sinkLimits.webhookBackoff;
  return retryWaitMs({ attempt: failures, random01, retryAfterMs }, backoff);
}
