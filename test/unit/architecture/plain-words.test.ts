import { expect, test } from 'vitest';

import { wordFaults } from './plain-words.ts';
import { PRODUCT, readSourceFiles } from './source-files.ts';

/** Folders and files that may still use the words. Remove a line once its texts pass. */
const NOT_YET = [
  // Names of SQL functions and columns.
  'services/postgres/channels/followers.ts',
  'services/postgres/releases/gates.ts',
  // Names of journaled steps.
  'handlers/callout/callout.ts',
  'handlers/release/gate-stage.ts',
  'handlers/release/record-decision.ts',
  'handlers/sink/sink.ts',
  // An example with a JSON field of that name.
  'services/api/releases/progress-routes.ts',
];

const faultsOf = (text: string) => wordFaults({ path: 'core/it.ts', text });

test.each([
  '// Whoever waits is served first.',
  '/** Kept for ever. */',
  '/**\n * Kept for\n * ever.\n */',
  "const title = 'Nobody stands behind the thousand';",
  'const text = `the gate ${gate} says no`;',
  "call({ description: 'The name that is none.' });",
])('the check of words refuses %j', (text) => {
  expect(faultsOf(text).length).toBeGreaterThan(0);
});

test('the check of words accepts plain sentences, field names, and code in backticks', () => {
  expect(faultsOf('/** The field `says` describes what the gate waits for. */')).toEqual([]);
  expect(faultsOf("const field = 'says';")).toEqual([]);
  expect(faultsOf('const says = `${gate.says} (by ${name})`;')).toEqual([]);
  expect(faultsOf("throw new Error('The pointer is held.');")).toEqual([]);
});

test('comments and texts of the product use plain words', async () => {
  const sources = await readSourceFiles(PRODUCT);
  const checked = sources.filter(({ path }) => !NOT_YET.some((start) => path.startsWith(start)));
  expect(checked.length).toBeGreaterThan(200);
  expect(checked.flatMap(wordFaults)).toEqual([]);
  // An unnecessary entry would let the words come back.
  const needed = sources.filter((source) => wordFaults(source).length > 0).map(({ path }) => path);
  expect(NOT_YET.filter((start) => !needed.some((path) => path.startsWith(start)))).toEqual([]);
});
