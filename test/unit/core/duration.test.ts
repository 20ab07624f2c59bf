import fc from 'fast-check';
import { expect, test } from 'vitest';

import { duration, durationMs, durationText } from '../../../packages/protocol/time/duration.ts';

const Within = duration({ minMs: 1_000, maxMs: 31 * 86_400_000 });
const why = (text: unknown) => Within.safeParse(text).error?.issues.map(({ message }) => message);

test.each([
  ['1s', 1_000],
  ['90s', 90_000],
  ['30m', 1_800_000],
  ['24h', 86_400_000],
  ['744h', 31 * 86_400_000],
  ['31d', 31 * 86_400_000],
])('the duration %s is %i ms, and keeps its spelling', (text, ms) => {
  expect(Within.parse(text)).toBe(text);
  expect(durationMs(text)).toBe(ms);
});

test.each([
  '',
  '0s',
  '5',
  's',
  '-1m',
  '+1m',
  '1.5h',
  '1h30m',
  '01h',
  '1 h',
  '1H',
  '1w',
  'PT1H',
  '1e3s',
  '5ms',
])('the duration "%s" is refused, and the error contains an example', (text) => {
  expect(why(text)).toEqual([expect.stringContaining('such as "90s", "30m", "24h" or "7d"')]);
});

test.each(['32d', '745h', '999999d'])(
  'the duration %s is refused as too long, and the error contains the limits in the same notation',
  (text) => {
    expect(why(text)).toEqual(['must be from 1s to 31d']);
  },
);

test('in a duration, a minute is 60 seconds, an hour is 60 minutes, and a day is 24 hours', () => {
  const pairs = [
    ['m', 's', 60],
    ['h', 'm', 60],
    ['d', 'h', 24],
  ] as const;
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 999_999 }),
      fc.constantFrom(...pairs),
      (count, [large, small, worth]) => {
        expect(durationMs(`${count}${large}`)).toBe(durationMs(`${count}${small}`) * worth);
      },
    ),
  );
});

test.each([
  [1_000, '1s'],
  [90_000, '90s'],
  [3_600_000, '1h'],
  [86_400_000, '1d'],
  [90_000_000, '25h'],
])('%i ms is written as the duration %s, which has the same value', (ms, text) => {
  expect(durationText(ms)).toBe(text);
  expect(durationMs(text)).toBe(ms);
});
