import { expect, test } from 'vitest';

import { wordFaults } from './plain-words.ts';
import { PRODUCT, readSourceFiles } from './source-files.ts';

const faultsOf = (text: string) => wordFaults({ path: 'core/it.ts', text });

test.each([
  '// Whoever waits is served first.',
  '/** Kept for ever. */',
  '/**\n * Kept for\n * ever.\n */',
  "const title = 'Nobody stands behind the thousand';",
  'const text = `the gate ${gate} says no`;',
  "call({ description: 'The name that is none.' });",
])('the check of plain words refuses %j', (text) => {
  expect(faultsOf(text).length).toBeGreaterThan(0);
});

test('the check of plain words accepts plain sentences, field names, and code in backticks', () => {
  expect(faultsOf('/** The field `says` describes what the gate waits for. */')).toEqual([]);
  expect(faultsOf("const field = 'says';")).toEqual([]);
  expect(faultsOf('const says = `${gate.says} (by ${name})`;')).toEqual([]);
  expect(faultsOf("throw new Error('The pointer is held.');")).toEqual([]);
});

test('the comments and texts of the product use plain words', async () => {
  const sources = await readSourceFiles(PRODUCT);
  expect(sources.length).toBeGreaterThan(200);
  expect(sources.flatMap(wordFaults)).toEqual([]);
});
