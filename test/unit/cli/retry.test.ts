import { describe, expect, test } from 'vitest';

import { clientLimits } from '../../../packages/client/http/limits.ts';
import { retryDelayMs } from '../../../packages/client/http/retry.ts';

describe('waiting between two tries', () => {
  test('doubles up to a bound, of which at least a half is waited', () => {
    expect([1, 2, 3].map((attempt) => retryDelayMs(attempt, null, 0))).toEqual([125, 250, 500]);
    expect(retryDelayMs(1, null, 0.999_999)).toBe(250);
    expect(retryDelayMs(50, null, 0.999_999)).toBe(clientLimits.longestRetryMs);
  });

  test('is not shorter than Retry-After asks for, in seconds or as a date, and spread over the first wait', () => {
    expect(retryDelayMs(1, '2', 0)).toBe(2_000);
    expect(retryDelayMs(1, '2', 0.5)).toBe(2_125);
    const soon = new Date(Date.now() + 20_000).toUTCString();
    expect(retryDelayMs(1, soon, 0)).toBeGreaterThan(10_000);
  });

  test('is that of the attempt when Retry-After asks for less, so that "0" is no leave to hammer', () => {
    expect(retryDelayMs(3, '0', 0)).toBe(500);
    expect(retryDelayMs(3, 'Thu, 01 Jan 1970 00:00:00 GMT', 0)).toBe(500);
  });

  test('is not done when Retry-After asks for more than anybody should wait unasked', () => {
    expect(retryDelayMs(1, '86400', 0)).toBeNull();
    expect(retryDelayMs(1, '9'.repeat(12), 0)).toBeNull();
  });

  test('takes no notice of a Retry-After that makes no sense', () => {
    expect(retryDelayMs(1, 'soon', 0)).toBe(125);
  });
});
