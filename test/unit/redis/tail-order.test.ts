import { expect, test } from 'vitest';

import { tailOrder } from '../../../packages/client/redis/tail-order.ts';
import { nthMove } from '../../support/data/move-events.ts';

const move = (seq: number, generation = seq) => nthMove('acme', seq, { generation }).data;

test('a reader of a Redis stream accepts the next sequence number, and requires a snapshot for any other number', () => {
  const order = tailOrder();
  expect([3, 4, 4, 6].map((seq) => order.isNext(move(seq)))).toEqual([true, true, false, false]);
});

test('a forged sequence number far ahead does not suppress the moves after it', () => {
  const order = tailOrder();
  expect(order.isNext(move(1))).toBe(true);
  expect(order.isNext(move(1_000_000))).toBe(false);
  expect(order.isNext(move(2))).toBe(false);
  expect(order.isNext(move(3))).toBe(true);
});

test('a reader of a Redis stream requires a newer generation of the pointer, even when the move has the next sequence number', () => {
  const order = tailOrder();
  expect(order.isNext(move(1, 5))).toBe(true);
  expect(order.isNext(move(2, 5))).toBe(false);
  expect(order.isNext(move(3, 6))).toBe(true);
});
