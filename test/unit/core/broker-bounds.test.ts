import { expect, test } from 'vitest';

import { sinkLimits } from '../../../core/limits/distribution-limits.ts';
import { redisLimits } from '../../../packages/client/redis/limits.ts';
import { rabbitLimits } from '../../../packages/client/rabbitmq/limits.ts';

test('a call to an unresponsive broker ends at least a second before the last health check becomes stale', () => {
  const { connectMs, commandMs } = redisLimits;
  const bounds = [connectMs, commandMs, rabbitLimits.connectMs, rabbitLimits.confirmMs, sinkLimits.probeMs];
  expect(Math.max(...bounds)).toBeLessThanOrEqual(sinkLimits.healthMaxAgeMs - 1_000);
});
