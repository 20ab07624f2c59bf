import fc from 'fast-check';
import { expect, test } from 'vitest';
import { backoffMs, nextAttemptMs, retryWaitMs } from '../../../packages/protocol/calls/backoff.ts';

const backoff = { firstMs: 200, factor: 2, maxMs: 10_000, attempts: 5 };

test.each([
  [1, 100, 200],
  [2, 200, 400],
  [3, 400, 800],
  [6, 3_200, 6_400],
  [7, 5_000, 10_000],
  [5_000, 5_000, 10_000],
])('after attempt %i, the wait before a retry is between %i and %i ms', (attempt, least, most) => {
  expect(backoffMs(attempt, 0, backoff)).toBe(least);
  expect(backoffMs(attempt, 0.999_999, backoff)).toBe(most);
});

test('the wait before a retry is a whole number of milliseconds up to the maximum, and grows with the attempt', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 10_000 }),
      fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
      (attempt, random01) => {
        const wait = backoffMs(attempt, random01, backoff);
        expect(Number.isSafeInteger(wait)).toBe(true);
        expect(wait).toBeLessThanOrEqual(backoff.maxMs);
        expect(backoffMs(attempt + 1, random01, backoff)).toBeGreaterThanOrEqual(wait);
      },
    ),
  );
});

test('a call is attempted at most the configured number of times', () => {
  const waits = [1, 2, 3, 4, 5, 6].map((attempt) =>
    nextAttemptMs({ attempt, random01: 0, retryAfterMs: null }, backoff),
  );
  expect(waits).toEqual([100, 200, 400, 800, null, null]);
  expect(nextAttemptMs({ attempt: 5, random01: 0, retryAfterMs: 60_000 }, backoff)).toBeNull();
});

test('the wait before a retry is at least as long as Retry-After, and a random part spreads the callers over time', () => {
  const asked = (random01: number, retryAfterMs: number) =>
    retryWaitMs({ attempt: 1, random01, retryAfterMs }, backoff);
  expect(asked(0, 60_000)).toBe(60_000);
  expect(asked(0.5, 60_000)).toBe(60_100);
  // If the server requests a shorter wait than the caller's own backoff, the caller's backoff applies.
  expect(asked(0, 0)).toBe(100);
});
