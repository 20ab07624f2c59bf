import { expect, test } from 'vitest';

import { cacheEntryLimits } from '../../../services/compiler/limits.ts';
import { compileHere } from './compile-here.ts';

const MB = 1_000_000;

/** Compiles a source with one document that refers to itself. */
function referring(references: readonly { from: string; to: string }[], ids: unknown) {
  const recipe = { apiVersion: 'pointsman/v1', documents: [{ include: ['ids.json'] }], references };
  return compileHere({ 'pointsman.yaml': JSON.stringify(recipe), 'ids.json': JSON.stringify(ids) });
}

test.each([
  [
    'a long text with many patterns',
    Array.from({ length: 40 }, (_, nth) => ({ from: `ids.json#/${nth}`, to: 'ids.json#/*' })),
    { text: 'x'.repeat(2 * cacheEntryLimits.factsChars) },
  ],
  [
    'many values below a long key',
    [{ from: 'ids.json#/*/*', to: 'ids.json#/*/*' }],
    { ['k'.repeat(MB)]: Array.from({ length: 10_000 }, (_, nth) => nth) },
  ],
])(
  'a source whose references select %s compiles, and its cache entries stay small',
  async (_what, references, ids) => {
    const result = await referring(references, ids);
    expect(result.kind).toBe('compiled');
    expect(JSON.stringify(result.cacheEntries).length).toBeLessThan(cacheEntryLimits.factsChars);
  },
);
