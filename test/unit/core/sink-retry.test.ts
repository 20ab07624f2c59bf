import { expect, test } from 'vitest';

import { sinkLimits } from '../../../core/limits/distribution-limits.ts';
import { sinkRetryMs } from '../../../core/sink-retry.ts';

const failed = { failures: 100, random01: 0.999_999, retryAfterMs: null };

test('the delivery to a broker that is down is retried within seconds, and the delivery to a webhook within its longer limit', () => {
  expect(sinkRetryMs('redis', failed)).toBe(sinkLimits.brokerBackoff.maxMs);
  expect(sinkRetryMs('rabbitmq', failed)).toBe(sinkLimits.brokerBackoff.maxMs);
  expect(sinkRetryMs('audit', failed)).toBe(sinkLimits.webhookBackoff.maxMs);
});

test('the Retry-After of a webhook endpoint is not shortened', () => {
  expect(sinkRetryMs('audit', { failures: 1, random01: 0, retryAfterMs: 3_600_000 })).toBe(3_600_000);
});
