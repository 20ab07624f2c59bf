import { InvalidArgumentError } from 'commander';
import { describe, expect, test } from 'vitest';

import {
  duration,
  generation,
  rowCount,
  sentence,
  timeAhead,
  version,
} from '../../../packages/cli/options/option-values.ts';

describe('a value on the command line', () => {
  test('can be a version in the form in which the API writes it', () => {
    expect(version('12')).toBe(12);
    expect(version('v12')).toBe(12);
  });

  test('can be a time with its offset, or a duration from now', () => {
    expect(timeAhead('2026-12-24T08:00:00+01:00')).toBe('2026-12-24T07:00:00.000Z');
    expect(timeAhead('2026-12-24T07:00Z')).toBe('2026-12-24T07:00:00.000Z');
    const before = Date.now();
    const ahead = Date.parse(timeAhead('7d')) - 7 * 86_400_000;
    expect(ahead).toBeGreaterThanOrEqual(before);
    expect(ahead).toBeLessThanOrEqual(Date.now());
  });

  test('can be a duration in seconds, minutes, hours and days, as in a policy', () => {
    expect(['90s', '30m', '2h', '7d'].map(duration)).toEqual([90_000, 1_800_000, 7_200_000, 604_800_000]);
  });

  test.each([
    [version, ['0', '-1', '1.5', '1e3', 'latest', '', '99999999999999999']],
    [generation, ['-1', 'x', '']],
    [rowCount, ['0', 'all', '20001']],
    [duration, ['5', '0s', '007s', '8d', '169h', '-1m', 'PT5M', '']],
    [sentence, ['', '  ']],
    [
      timeAhead,
      ['', 'tomorrow', '2026-12-24', '2026-12-24T07:00', '2026-02-30T07:00Z', '0s', '91d', '-1h', '1.5h'],
    ],
  ] as const)('is refused when %o cannot parse it', (read, texts) => {
    for (const text of texts) expect(() => read(text), text).toThrow(InvalidArgumentError);
  });
});
