import { expect, test } from 'vitest';

import { followerLimits } from '../../../../packages/protocol/limits.ts';
import { AcknowledgementRates } from '../../../../services/api/access/acknowledgement-rates.ts';

const { acknowledgementsPerMinute, acknowledgementsPerTokenMinute } = followerLimits;

test('a token that names a new follower in each acknowledgement is limited to the rate of one token, and another token has its own rate', () => {
  const rates = new AcknowledgementRates();
  const accepted = (token: string, count: number, nowMs: number): number =>
    Array.from({ length: count }, (_, nth) =>
      rates.refusal({ token, follower: `t/b/live/f${nowMs}-${nth}` }, nowMs),
    ).filter((refusal) => refusal === null).length;
  expect(accepted('greedy', acknowledgementsPerTokenMinute + 500, 0)).toBe(acknowledgementsPerTokenMinute);
  expect(accepted('other', 500, 0)).toBe(500);
  expect(accepted('greedy', 500, 300)).toBe((300 * acknowledgementsPerTokenMinute) / 60_000);
});

test('refused acknowledgements of one follower do not count against the other followers of the same token', () => {
  const rates = new AcknowledgementRates();
  const loud = { token: 'token', follower: 't/b/live/loud' };
  const refusals = Array.from({ length: 2 * acknowledgementsPerTokenMinute }, () => rates.refusal(loud, 0));
  expect(refusals.filter((refusal) => refusal === null)).toHaveLength(acknowledgementsPerMinute);
  expect(rates.refusal({ token: 'token', follower: 't/b/live/quiet' }, 0)).toBeNull();
});
