import { expect, test } from 'vitest';

import { TokenBuckets } from '../../../../services/api/access/token-buckets.ts';

const many = (buckets: TokenBuckets, key: string, times: number, nowMs: number): number =>
  Array.from({ length: times }, () => buckets.take(key, nowMs)).filter(Boolean).length;

test('each key of a rate limiter can use one minute’s worth of requests in one burst, and then only the steady rate', () => {
  const buckets = new TokenBuckets({ perMinute: 60, remembered: 10 });
  expect(many(buckets, 'a', 100, 0)).toBe(60);
  expect(many(buckets, 'a', 10, 999)).toBe(0);
  expect(many(buckets, 'a', 10, 1_000)).toBe(1);
  expect(many(buckets, 'a', 10, 5_000)).toBe(4);
  expect(many(buckets, 'b', 100, 5_000)).toBe(60);
  expect(many(buckets, 'a', 100, 1_000_000)).toBe(60);
});

test('a rate limiter adds no tokens when the clock is set back', () => {
  const buckets = new TokenBuckets({ perMinute: 2, remembered: 10 });
  expect(many(buckets, 'a', 5, 100_000)).toBe(2);
  expect(many(buckets, 'a', 5, 0)).toBe(0);
});

test('a flood of keys does not exceed the memory limit of a rate limiter, and does not evict keys in use', () => {
  const buckets = new TokenBuckets({ perMinute: 2, remembered: 3 });
  expect(many(buckets, 'busy', 5, 0)).toBe(2);
  for (let n = 0; n < 1_000; n++) {
    buckets.take(`other-${n}`, 0);
    expect(buckets.take('busy', 0)).toBe(false);
  }
  expect(buckets.size).toBe(3);
});
