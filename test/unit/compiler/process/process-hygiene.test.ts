import { expect, test } from 'vitest';

import { codePointsOf } from '../../../../services/compiler/schema/code-points.ts';
import { linearPattern } from '../../../../services/compiler/schema/linear-pattern.ts';
import { forgetCompilation, isSpent } from '../../../../services/compiler/process/process-hygiene.ts';

test('a pattern and a class of characters are computed once in a compilation, and again in the next one', () => {
  const made = [linearPattern('^a+$'), codePointsOf('\\s')];
  expect([linearPattern('^a+$'), codePointsOf('\\s')].map((one, index) => one === made[index])).toEqual([
    true,
    true,
  ]);
  forgetCompilation();
  expect([linearPattern('^a+$'), codePointsOf('\\s')].map((one, index) => one === made[index])).toEqual([
    false,
    false,
  ]);
});

test('a process whose live heap is above the bound is spent', () => {
  expect(isSpent(1)).toBe(true);
  expect(isSpent(100_000)).toBe(false);
});
