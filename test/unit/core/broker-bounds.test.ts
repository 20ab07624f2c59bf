import { expect, test } from 'vitest';

import { sinkLimits } from '../../../core/limits/distribution-limits.ts';
import { redisLimits } from '../../../packages/client/redis/limits.ts';
import { rabbitLimits } from '../../../packages/client/rabbitmq/limits.ts';

test('a call of a broker that falls silent ends, with a second to record it, before the last proof of its health is too old', () => {
  const { connectMs, commandMs } = redisLimits;
  const bounds = [connectMs, commandMs, rabbitLimits.connectMs, rabbitLimits.confirmMs, sinkLimits.probeMs];
  expect(Math.max(...bounds)).toBeLessThanOrEqual(sinkLimits.provenMs - 1_000);
});
