import { describe, expect, test } from 'vitest';
import { moveCursor, placeAfter } from '../../../packages/protocol/moves/move-cursor.ts';
import { nthMove } from '../../support/data/move-events.ts';

const move = (seq: number, pointer?: { bundle?: string; generation?: number }) =>
  nthMove('acme', seq, pointer).data;

test.each([
  [0, 1, 'next'],
  [0, 2, 'gap'],
  [4, 3, 'seen'],
  [4, 4, 'seen'],
  [4, 5, 'next'],
  [4, 6, 'gap'],
] as const)(
  'after the sequence number %i, the sequence number %i is classified as "%s"',
  (last, number, place) => {
    expect(placeAfter(last, number)).toBe(place);
  },
);

describe('the cursor of a consumer of moves', () => {
  test('accepts only the next sequence number of a tenant, and only a newer generation of a pointer', () => {
    const cursor = moveCursor(10);
    expect(cursor.place(move(1))).toBe('unknown');
    cursor.learn('acme', { seq: 4, pointers: [{ bundle: 'support-bot', channel: 'live', generation: 3 }] });
    expect(cursor.place(move(4))).toBe('duplicate');
    expect(cursor.place(move(6))).toBe('gap');
    expect(cursor.place(move(5, { generation: 3 }))).toBe('stale');
    expect(cursor.place(move(5, { generation: 4 }))).toBe('next');
    expect(cursor.place(move(5, { bundle: 'other', generation: 1 }))).toBe('next');
  });

  test('does not go back when a snapshot is older than the last applied move', () => {
    const cursor = moveCursor(10);
    cursor.learn('acme', { seq: 0 });
    cursor.passed(move(1));
    cursor.passed(move(2));
    cursor.learn('acme', { seq: 1, pointers: [{ bundle: 'support-bot', channel: 'live', generation: 1 }] });
    expect(cursor.seq('acme')).toBe(2);
    expect(cursor.place(move(3, { generation: 2 }))).toBe('stale');
  });

  test('still recognizes duplicates when it may have missed a move, and requires a snapshot before the next move', () => {
    const cursor = moveCursor(10);
    cursor.learn('acme', { seq: 2 });
    cursor.doubt('acme');
    expect(cursor.seq('acme')).toBeNull();
    expect(cursor.place(move(2))).toBe('duplicate');
    expect(cursor.place(move(3))).toBe('unknown');
    cursor.learn('acme', { seq: 2 });
    expect(cursor.place(move(3))).toBe('next');
  });

  test('remembers a bounded number of pointers, and evicts the least recently used tenants', () => {
    const cursor = moveCursor(4);
    for (const tenant of ['a', 'b', 'c', 'd']) {
      cursor.learn(tenant, { seq: 0 });
      cursor.passed(nthMove(tenant, 1).data);
    }
    expect(cursor.tenants()).toEqual(['c', 'd']);
    expect(cursor.place(nthMove('a', 2).data)).toBe('unknown');
  });

  test('follows the generations of single pointers, regardless of other moves of the tenant', () => {
    const cursor = moveCursor(10);
    expect(cursor.placeAtPointer(move(7, { generation: 1 }))).toBe('next');
    expect(cursor.placeAtPointer(move(7, { generation: 3 }))).toBe('gap');
    cursor.fetched([{ tenant: 'acme', bundle: 'support-bot', channel: 'live', generation: 4 }]);
    expect(cursor.placeAtPointer(move(9, { generation: 4 }))).toBe('seen');
    expect(cursor.placeAtPointer(move(9, { generation: 5 }))).toBe('next');
    cursor.fetched([{ tenant: 'acme', bundle: 'support-bot', channel: 'live', generation: 2 }]);
    expect(cursor.placeAtPointer(move(9, { generation: 4 }))).toBe('seen');
  });

  test('has no position in the feed of a tenant after only a pointer of that tenant was fetched', () => {
    const cursor = moveCursor(10);
    cursor.fetched([{ tenant: 'acme', bundle: 'support-bot', channel: 'live', generation: 4 }]);
    expect(cursor.seq('acme')).toBeNull();
    expect(cursor.place(move(1))).toBe('unknown');
  });
});
