import { describe, expect, test } from 'vitest';
import { moveOrder } from '../../../services/redis/move-order.ts';
import { nthMove } from '../../support/move-events.ts';

const move = (seq: number, pointer?: { bundle?: string; generation?: number }) =>
  nthMove('acme', seq, pointer).data;

describe('how far a consumer has come', () => {
  test('only the next number of a tenant is next, and only a generation forward', () => {
    const order = moveOrder(10);
    expect(order.place(move(1))).toBe('unknown');
    order.learn('acme', { seq: 4, pointers: [{ bundle: 'support-bot', channel: 'live', generation: 3 }] });
    expect(order.place(move(4))).toBe('duplicate');
    expect(order.place(move(6))).toBe('gap');
    expect(order.place(move(5, { generation: 3 }))).toBe('stale');
    expect(order.place(move(5, { generation: 4 }))).toBe('next');
    expect(order.place(move(5, { bundle: 'other', generation: 1 }))).toBe('next');
  });

  test('a snapshot that is older than what was applied takes nothing back', () => {
    const order = moveOrder(10);
    order.learn('acme', { seq: 0 });
    order.passed(move(1));
    order.passed(move(2));
    order.learn('acme', { seq: 1, pointers: [{ bundle: 'support-bot', channel: 'live', generation: 1 }] });
    expect(order.seq('acme')).toBe(2);
    expect(order.place(move(3, { generation: 2 }))).toBe('stale');
  });

  test('in doubt, what was seen stays seen, and what comes next needs a snapshot', () => {
    const order = moveOrder(10);
    order.learn('acme', { seq: 2 });
    order.doubt('acme');
    expect(order.seq('acme')).toBeNull();
    expect(order.place(move(2))).toBe('duplicate');
    expect(order.place(move(3))).toBe('unknown');
    order.learn('acme', { seq: 2 });
    expect(order.place(move(3))).toBe('next');
  });

  test('it remembers a bounded number of pointers, and forgets the tenants of which it heard least lately', () => {
    const order = moveOrder(4);
    for (const tenant of ['a', 'b', 'c', 'd']) {
      order.learn(tenant, { seq: 0 });
      order.passed(nthMove(tenant, 1).data);
    }
    expect(order.tenants()).toEqual(['c', 'd']);
    expect(order.place(nthMove('a', 2).data)).toBe('unknown');
  });
});
