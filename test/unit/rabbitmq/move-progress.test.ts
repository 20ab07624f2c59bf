import { expect, test } from 'vitest';

import { moveProgress } from '../../../packages/client/rabbitmq/move-progress.ts';
import { nthMove } from '../../support/data/move-events.ts';

const live = (seq: number, generation: number) => nthMove('acme', seq, { generation }).data;
const pointer = { tenant: 'acme', bundle: 'support-bot', channel: 'live' };

test('a consumer of one pointer detects a missed move by the generations of that pointer, regardless of other moves of the tenant', () => {
  const progress = moveProgress(['acme.support-bot.live']);
  expect(progress.missedBefore(live(1, 1))).toBeNull();
  progress.passed(live(1, 1));
  expect(progress.missedBefore(live(9, 2))).toBeNull();
  expect(progress.missedBefore(live(9, 3))).toEqual({ kind: 'pointer', pointer });
});

test('a consumer of a whole tenant detects a missed move by the sequence numbers of the tenant, once it has received one', () => {
  const progress = moveProgress(['acme.#']);
  expect(progress.missedBefore(live(7, 4))).toEqual({ kind: 'tenant', tenant: 'acme' });
  progress.fetched([{ ...pointer, generation: 4 }]);
  progress.passed(live(7, 4));
  expect(progress.missedBefore(live(8, 6))).toBeNull();
  expect(progress.missedBefore(live(9, 5))).toEqual({ kind: 'tenant', tenant: 'acme' });
});

test('a generation that was already fetched or applied is stale, even if an older generation was fetched afterwards', () => {
  const progress = moveProgress(['#']);
  progress.fetched([{ ...pointer, generation: 4 }]);
  progress.fetched([{ ...pointer, generation: 2 }]);
  expect([3, 4, 5].map((generation) => progress.isStale(live(generation, generation)))).toEqual([
    true,
    true,
    false,
  ]);
  progress.passed(live(5, 5));
  expect(progress.isStale(live(5, 5))).toBe(true);
});
