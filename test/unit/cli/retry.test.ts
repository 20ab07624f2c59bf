import { describe, expect, test } from 'vitest';

import { cliLimits } from '../../../services/cli/limits.ts';
import { retryDelayMs } from '../../../services/cli/retry.ts';

describe('waiting between two tries', () => {
  test('doubles up to a bound, less up to a half of jitter', () => {
    expect([1, 2, 3].map((attempt) => retryDelayMs(attempt, null, 0))).toEqual([250, 500, 1_000]);
    expect(retryDelayMs(1, null, 1)).toBe(125);
    expect(retryDelayMs(50, null, 0)).toBe(cliLimits.longestRetryMs);
  });

  test('is what Retry-After asks for, in seconds or as a date', () => {
    expect(retryDelayMs(1, '2', 0.5)).toBe(2_000);
    expect(retryDelayMs(1, '0', 0.5)).toBe(0);
    expect(retryDelayMs(1, 'Thu, 01 Jan 1970 00:00:00 GMT', 0.5)).toBe(0);
  });

  test('is not done when Retry-After asks for more than anybody should wait unasked', () => {
    expect(retryDelayMs(1, '86400', 0)).toBeNull();
  });

  test('takes no notice of a Retry-After that makes no sense', () => {
    expect(retryDelayMs(1, 'soon', 0)).toBe(250);
  });
});
