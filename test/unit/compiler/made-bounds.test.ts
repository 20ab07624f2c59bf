import { expect, test } from 'vitest';

import { compileLimits } from '../../../core/limits.ts';
import { memoryLimits } from '../../../services/compiler/limits.ts';
import { making } from '../../../services/compiler/made-blobs.ts';
import { compileHere, problemsOf } from './compile-here.ts';

const MB = 1_000_000;

test('a compilation that makes more than it may hands over nothing of it', () => {
  const made = making();
  const half = 'x'.repeat(compileLimits.madeBytes / 2);
  for (const end of ['a', 'b']) made.blob(half.slice(1) + end, 'text/plain');
  expect([made.isTooLarge(), made.pack().arena.byteLength]).toEqual([false, compileLimits.madeBytes]);
  made.blob('c', 'text/plain');
  expect([made.isTooLarge(), made.pack().arena.byteLength]).toEqual([true, 0]);
});

test.each([
  ['text', `a: &a "${'x'.repeat(MB)}"\nb: [${Array(200).fill('*a').join(', ')}]`, '/b/99'],
  ['key', `a: &a {? "${'x'.repeat(MB)}" : 1}\nb: [${Array(200).fill('*a').join(', ')}]`, '/b/99'],
])('a %s of a megabyte that aliases repeat is bounded like so many nodes', async (_what, yaml, pointer) => {
  expect(await problemsOf({ 'a.yaml': yaml })).toEqual([
    expect.stringMatching(new RegExp(`too_many_aliases ${pointer}$`)),
  ]);
});

/** The source of one document that has references to itself. */
function referring(references: readonly { from: string; to: string }[], ids: unknown) {
  const recipe = { apiVersion: 'pointsman/v1', documents: [{ include: ['ids.json'] }], references };
  return compileHere({ 'pointsman.yaml': JSON.stringify(recipe), 'ids.json': JSON.stringify(ids) });
}

test.each([
  [
    'a long text, by many patterns',
    Array.from({ length: 40 }, (_, nth) => ({ from: `ids.json#/${nth}`, to: 'ids.json#/*' })),
    { text: 'x'.repeat(2 * memoryLimits.factsChars) },
  ],
  [
    'many values behind a long key',
    [{ from: 'ids.json#/*/*', to: 'ids.json#/*/*' }],
    { ['k'.repeat(MB)]: Array.from({ length: 10_000 }, (_, nth) => nth) },
  ],
])(
  'a source whose references reach %s compiles, and little of it is remembered',
  async (_what, references, ids) => {
    const result = await referring(references, ids);
    expect(result.kind).toBe('compiled');
    expect(JSON.stringify(result.memories).length).toBeLessThan(memoryLimits.factsChars);
  },
);
