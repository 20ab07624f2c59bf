import { describe, expect, test } from 'vitest';
import { z } from 'zod';

import { boundedList } from '../../../packages/protocol/json/bounded-list.ts';
import { cut } from '../../../packages/protocol/text/cut.ts';
import { issueLimits } from '../../../packages/protocol/limits.ts';
import { describeIssues, firstIssues, firstMessage } from '../../../packages/protocol/json/schema-issues.ts';

function misfitOf(schema: z.ZodType, value: unknown): { error: z.ZodError } {
  const parsed = schema.safeParse(value);
  if (parsed.success) throw new Error('this is valid');
  return parsed;
}

describe('the description of a document that violates its schema', () => {
  test('has the first issues with their locations, and the number of the remaining issues', () => {
    const misfit = misfitOf(z.object({ list: z.array(z.string()) }), { list: [1, 2, 3, 4, 5] });
    const words = describeIssues(misfit);
    expect(words).toMatch(/^at "\/list\/0": .+; at "\/list\/1": .+; at "\/list\/2": .+ \(and 2 more\)$/);
    expect(firstIssues(misfit, 2)).toHaveLength(2);
  });

  test('has a bounded length for any number of issues and any length of their locations and names', () => {
    const many = misfitOf(
      z.array(z.string()),
      Array.from({ length: 50_000 }, () => 0),
    );
    const long = misfitOf(z.record(z.string(), z.string()), { ['k'.repeat(100_000)]: 0 });
    const unknown = misfitOf(z.strictObject({}), { ['u'.repeat(100_000)]: 0 });
    for (const misfit of [many, long, unknown]) {
      expect(describeIssues(misfit).length).toBeLessThan(issueLimits.shown * (issueLimits.chars + 30));
      expect(firstMessage(misfit).length).toBeLessThanOrEqual(issueLimits.chars);
    }
  });

  test('states what is wrong with a map key when the key is invalid', () => {
    const misfit = misfitOf(z.record(z.string().regex(/^a$/, 'must be "a"'), z.string()), { b: 'x' });
    expect(firstMessage(misfit)).toBe('must be "a"');
  });
});

describe('a list with a bounded length', () => {
  /** Counts how many elements the schema has checked. */
  function counting(): { element: z.ZodType<number>; checked: () => number } {
    let checked = 0;
    const element = z.number().refine((value) => {
      checked += 1;
      return value >= 0;
    });
    return { element, checked: () => checked };
  }

  test('is refused when it is too long, before its elements are checked', () => {
    const { element, checked } = counting();
    const misfit = misfitOf(boundedList(element, 3), [1, 2, 3, 4]);
    expect(misfit.error.issues).toMatchObject([{ code: 'too_big' }]);
    expect(checked()).toBe(0);
  });

  test('is checked only up to its first invalid element, and the error names the location of that element', () => {
    const { element, checked } = counting();
    const misfit = misfitOf(z.object({ list: boundedList(z.object({ n: element }), 9) }), {
      list: [{ n: 1 }, { n: -1 }, { n: 2 }, 'x'],
    });
    expect(misfit.error.issues).toMatchObject([{ path: ['list', 1, 'n'] }]);
    expect(checked()).toBe(2);
  });

  test('is parsed to elements that its schema has transformed', () => {
    expect(boundedList(z.string().transform(Number), 2).parse(['1', '2'])).toEqual([1, 2]);
  });
});

test('a long text is cut only between characters, and a short text is unchanged', () => {
  expect(cut('abc', 3)).toBe('abc');
  expect(cut('abcd', 3)).toBe('ab…');
  expect(cut('🚂🚂🚂', 3)).toBe('🚂🚂🚂');
  expect(cut('🚂🚂🚂🚂', 3)).toBe('🚂🚂…');
  expect(cut('a bcd', 3)).toBe('a…');
  expect(cut('abc', 1)).toBe('…');
});
