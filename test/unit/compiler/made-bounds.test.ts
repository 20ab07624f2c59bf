import { expect, test } from 'vitest';

import { memoryLimits } from '../../../services/compiler/limits.ts';
import { compileHere } from './compile-here.ts';

const MB = 1_000_000;

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
