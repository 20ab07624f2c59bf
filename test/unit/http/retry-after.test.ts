import { expect, test } from 'vitest';
import { retryAfterMs } from '../../../packages/protocol/calls/retry-after.ts';

const now = { nowMs: Date.UTC(2026, 10, 24, 12, 0, 0), maxMs: 3_600_000 };

test.each([
  ['0', 0],
  ['7', 7_000],
  [' 120 ', 120_000],
  ['3600', 3_600_000],
  ['3601', 3_600_000],
  ['9'.repeat(400), 3_600_000],
  ['Tue, 24 Nov 2026 12:00:30 GMT', 30_000],
  ['Tuesday, 24-Nov-26 12:00:30 GMT', 30_000],
  ['Tue Nov 24 12:00:30 2026', 30_000],
  ['Tue Nov  3 12:00:30 2026', 0],
  ['Tue, 24 Nov 2026 11:59:00 GMT', 0],
  ['Sun, 24 Nov 2126 12:00:00 GMT', 3_600_000],
])('the Retry-After value %j is %i ms', (header, expected) => {
  expect(retryAfterMs(header, now)).toBe(expected);
});

test.each([
  '',
  '-1',
  '1.5',
  '1e3',
  '0x10',
  'soon',
  '2026-11-24T12:00:30Z',
  'Tue, 24 Foo 2026 12:00:30 GMT',
  '7 s',
])('the Retry-After value %j is invalid', (header) => {
  expect(retryAfterMs(header, now)).toBeNull();
});

test('a missing Retry-After header gives no wait, and the first of several Retry-After headers applies', () => {
  expect(retryAfterMs(undefined, now)).toBeNull();
  expect(retryAfterMs([], now)).toBeNull();
  expect(retryAfterMs(['7', '9'], now)).toBe(7_000);
});
