import fc from 'fast-check';
import picomatch from 'picomatch';
import { expect, test } from 'vitest';

import { globMatcher, globProblem } from '../../../services/compiler/recipe/glob.ts';
import { problemsOf } from './compile-here.ts';

test('a glob pattern matches the same paths as picomatch', () => {
  const name = fc.string({ unit: fc.constantFrom('a', 'b', 'c', '.', '-'), minLength: 1, maxLength: 4 });
  const part = fc.constantFrom('a', 'b', '*', '?', '[ab]', '[^a]', '[a-c]', '{a,b}', '{a,b.c}', '.', '-');
  const segment = fc.oneof(
    fc.constant('**'),
    fc.array(part, { minLength: 1, maxLength: 4 }).map((parts) => parts.join('').replaceAll(/\*{2,}/g, '*')),
  );
  const path = fc
    .array(name, { minLength: 1, maxLength: 4 })
    .filter((names) => !names.some((one) => /^\.+$/.test(one)))
    .map((names) => names.join('/'));
  const pattern = fc
    .array(segment, { minLength: 1, maxLength: 4 })
    .filter(plain)
    .map((parts) => parts.join('/'));
  fc.assert(
    fc.property(pattern, fc.array(path, { minLength: 10, maxLength: 20 }), (glob, paths) => {
      const expected = picomatch(glob, { nonegate: true });
      const matches = globMatcher(glob);
      for (const one of paths) expect([glob, one, matches(one)]).toEqual([glob, one, expected(one)]);
    }),
    { numRuns: 2_000 },
  );
});

/**
 * Leaves out patterns that picomatch treats differently. These are segments of dots only, alternatives at the start
 * of a segment (picomatch ignores a leading dot in them), and `**` at the end (picomatch lets it match zero folders
 * only after a name).
 */
function plain(segments: readonly string[]): boolean {
  if (segments.length > 1 && segments.at(-1) === '**') return false;
  return segments.every((one) => !/^\.+$/.test(one) && !/^[[{]/.test(one) && !/^\.?[*?]*\.[*?]*$/.test(one));
}

test.each([
  ['**/*.yaml', ['a.yaml', 'a/b.yaml', 'a/b/c.yaml'], ['a.json', '.a/b.yaml', 'a/.b.yaml', 'a.yaml/b']],
  ['agents/**', ['agents', 'agents/a', 'agents/a/b'], ['agents/.a', 'agent', 'agents/a/.b/c']],
  ['{a,b/{c,d}}.json', ['a.json', 'b/c.json', 'b/d.json'], ['b.json', 'c.json']],
  ['.github/*.yml', ['.github/a.yml'], ['github/a.yml', '.github/.yml']],
  ['a[0-9]?.txt', ['a12.txt', 'a1b.txt'], ['ab1.txt', 'a1.txt']],
])('the glob %s matches exactly the expected paths', (glob, good, bad) => {
  const matches = globMatcher(glob);
  expect(good.filter(matches)).toEqual(good);
  expect(bad.filter(matches)).toEqual([]);
});

test('a glob pattern with hundreds of wildcards does not take exponential time', () => {
  for (const glob of ['*a'.repeat(200) + 'b', '**/*a/'.repeat(80) + 'b', `${'?*'.repeat(200)}c`]) {
    expect(globMatcher(glob)('a'.repeat(500))).toBe(false);
    expect(globMatcher(glob)('a/'.repeat(250) + 'c')).toBe(false);
  }
});

test('an invalid glob pattern is reported at its location in the recipe', async () => {
  expect(globProblem('+(a|b)')).toContain('extended groups');
  expect(globProblem('{1..9}.json')).toContain('ranges');
  expect(globProblem('{a,b}'.repeat(7))).toContain('100 alternatives');
  const recipe = (include: string, from: string): string =>
    `apiVersion: pointsman/v1\ndocuments: [{ include: ["${include}"] }]\nreferences: [{ from: "${from}", to: "b#/y" }]`;
  const files = { 'a.yaml': 'x: 1' };
  expect(await problemsOf({ ...files, 'pointsman.yaml': recipe('+(a|b).yaml', 'a.yaml#/x') })).toEqual([
    'pointsman.yaml:2:25 invalid_field /documents/0/include/0',
  ]);
  expect(await problemsOf({ ...files, 'pointsman.yaml': recipe('a.yaml', '!(a)#/x') })).toEqual([
    'pointsman.yaml:3:22 invalid_field /references/0/from',
  ]);
});
