import { getEventListeners } from 'node:events';

import { expect, test } from 'vitest';

import { deadlineOf } from '../../../services/api/responses/deadline.ts';
import { eventually } from '../../support/runs/eventually.ts';

const HOUR_MS = 3_600_000;

test('a deadline aborts its signal when its time is over, or when one of the given signals aborts', async () => {
  const draining = new AbortController();
  const short = deadlineOf([draining.signal], 1);
  await eventually(async () => short.signal.aborted, { what: 'the time is over' });
  const long = deadlineOf([new AbortController().signal, draining.signal], HOUR_MS);
  expect(long.signal.aborted).toBe(false);
  draining.abort();
  expect(long.signal.aborted).toBe(true);
  expect(deadlineOf([draining.signal], HOUR_MS).signal.aborted).toBe(true);
});

test('a cleared deadline leaves no timer and no abort listener behind', () => {
  const draining = new AbortController().signal;
  const timers = () => process.getActiveResourcesInfo().filter((type) => type === 'Timeout').length;
  const before = timers();
  const made = Array.from({ length: 100 }, () => deadlineOf([draining], HOUR_MS));
  expect(timers()).toBe(before + 100);
  expect(getEventListeners(draining, 'abort')).toHaveLength(100);
  for (const { clear } of made) clear();
  // The timer of a deadline is also cleared when another signal aborts first.
  const gone = new AbortController();
  deadlineOf([gone.signal, draining], HOUR_MS);
  gone.abort();
  expect(timers()).toBe(before);
  expect(getEventListeners(draining, 'abort')).toEqual([]);
});
