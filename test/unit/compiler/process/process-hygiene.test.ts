import { expect, test } from 'vitest';

import { codePointsOf } from '../../../../services/compiler/schema/code-points.ts';
import { linearPattern } from '../../../../services/compiler/schema/linear-pattern.ts';
import { forgetCompilation, isSpent } from '../../../../services/compiler/process/process-hygiene.ts';

test('compiled patterns and character classes are cached within one compilation, and not kept for the next one', () => {
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

test('a compile process is spent, and not reused, when its live heap is above the limit', () => {
  expect(isSpent(1)).toBe(true);
  expect(isSpent(100_000)).toBe(false);
});
