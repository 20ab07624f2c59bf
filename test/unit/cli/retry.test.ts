import { describe, expect, test } from 'vitest';

import { clientLimits } from '../../../packages/client/http/limits.ts';
import { retryDelayMs } from '../../../packages/client/http/retry.ts';

describe('the wait before a retry', () => {
  test('doubles with each attempt up to a limit, and is at least half of the doubled value', () => {
    expect([1, 2, 3].map((attempt) => retryDelayMs(attempt, null, 0))).toEqual([125, 250, 500]);
    expect(retryDelayMs(1, null, 0.999_999)).toBe(250);
    expect(retryDelayMs(50, null, 0.999_999)).toBe(clientLimits.longestRetryMs);
  });

  test('is at least as long as Retry-After, in seconds or as a date, plus a random part', () => {
    expect(retryDelayMs(1, '2', 0)).toBe(2_000);
    expect(retryDelayMs(1, '2', 0.5)).toBe(2_125);
    const soon = new Date(Date.now() + 20_000).toUTCString();
    expect(retryDelayMs(1, soon, 0)).toBeGreaterThan(10_000);
  });

  test('is at least the wait of its attempt, even for a smaller Retry-After such as "0"', () => {
    expect(retryDelayMs(3, '0', 0)).toBe(500);
    expect(retryDelayMs(3, 'Thu, 01 Jan 1970 00:00:00 GMT', 0)).toBe(500);
  });

  test('is not started when Retry-After is longer than the limit', () => {
    expect(retryDelayMs(1, '86400', 0)).toBeNull();
    expect(retryDelayMs(1, '9'.repeat(12), 0)).toBeNull();
  });

  test('ignores an invalid Retry-After', () => {
    expect(retryDelayMs(1, 'soon', 0)).toBe(125);
  });
});
