import { expect, test } from 'vitest';

import {
  boundedDiagnostic,
  boundedPointer,
  boundedText,
} from '../../../packages/protocol/releases/diagnostic.ts';
import { documentLimits } from '../../../packages/protocol/limits.ts';

const LONG = 'k'.repeat(10 * documentLimits.textChars);

test('a diagnostic has a bounded length for names of any length', () => {
  const bounded = boundedDiagnostic({
    path: LONG,
    line: 1,
    column: 2,
    pointer: `/a/${LONG}/b`,
    code: 'type',
    message: `${LONG} is not allowed here`,
  });
  expect(bounded).toMatchObject({ line: 1, column: 2, pointer: '/a', code: 'type' });
  expect(JSON.stringify(bounded).length).toBeLessThan(3 * documentLimits.textChars);
});

test('a short diagnostic is unchanged', () => {
  const diagnostic = { path: 'a', line: 1, column: 1, pointer: '/b/~1c', code: 'd', message: 'e' };
  expect(boundedDiagnostic(diagnostic)).toEqual(diagnostic);
});

test('a JSON pointer that is too long is replaced by a pointer to an enclosing value', () => {
  expect(boundedPointer(`/${LONG}`)).toBe('');
  const steps = '/ab'.repeat(documentLimits.textChars);
  const bounded = boundedPointer(steps);
  expect(steps.startsWith(`${bounded}/`)).toBe(true);
  expect(bounded.length).toBeGreaterThan(documentLimits.textChars - 4);
});

test('the text of a diagnostic is never cut in the middle of a character', () => {
  const bounded = boundedText(`x${'😀'.repeat(documentLimits.textChars)}`);
  expect(bounded.isWellFormed()).toBe(true);
  expect(bounded.endsWith('…')).toBe(true);
});
