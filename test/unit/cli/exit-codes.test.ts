import { describe, expect, test } from 'vitest';

import { ERRORS } from '../../../packages/protocol/errors.ts';
import { Outcome } from '../../../packages/protocol/releases/release.ts';
import { EXIT_CODES, exitCodeTable, exitOfOutcome, exitOfProblem } from '../../../packages/cli/exit-codes.ts';

describe('exit codes', () => {
  test('have one meaning each', () => {
    const codes = Object.values(EXIT_CODES).map(({ code }) => code);
    expect(new Set(codes).size).toBe(codes.length);
  });

  test('are 0 for the outcomes "published" and "unchanged", and different for each other outcome', () => {
    const codes = new Map(
      Outcome.options.map((outcome) => [outcome, EXIT_CODES[exitOfOutcome(outcome)].code]),
    );
    expect([...codes].filter(([, code]) => code === 0).map(([outcome]) => outcome)).toEqual([
      'published',
      'unchanged',
    ]);
    expect(new Set(codes.values()).size).toBe(Outcome.options.length - 1);
  });

  test('are not 0 for any problem of the API', () => {
    for (const [code, { status }] of Object.entries(ERRORS)) {
      expect(EXIT_CODES[exitOfProblem(code, status)].code, code).toBeGreaterThan(0);
    }
  });

  test.each([
    [401, 9],
    [403, 9],
    [404, 12],
    [409, 8],
    [412, 8],
    [422, 3],
    [423, 8],
    [429, 11],
    [500, 1],
    [503, 11],
  ])('follow the HTTP status for an unknown problem of a newer API: %i exits with %i', (status, exit) => {
    expect(EXIT_CODES[exitOfProblem('of_tomorrow', status)].code).toBe(exit);
  });

  test('are all in the printed table', () => {
    for (const { code, meaning } of Object.values(EXIT_CODES)) {
      expect(exitCodeTable()).toMatch(new RegExp(`^ +${code}  ${meaning.slice(0, 20)}`, 'm'));
    }
  });
});
