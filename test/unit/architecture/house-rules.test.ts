import { describe, expect, test } from 'vitest';

import { crowdedFolders, exceptionFaults, MOST_FILES, nameFaults, skippedTests } from './house-rules.ts';
import { readSourceFiles } from './source-files.ts';

/** Composed of two parts, because the linter would obey the directive if this file contained it. */
const OFF = ['oxlint', 'disable'].join('-');

describe('the check of file names', () => {
  test.each([
    'services/utils/a.ts',
    'core/types.ts',
    'core/index.ts',
    'core/pointerRules.ts',
    'test/Unit/a.test.ts',
  ])('refuses the path %s', (path) => {
    expect(nameFaults({ path, text: '' })).toHaveLength(1);
  });

  test('accepts a descriptive name', () => {
    expect(nameFaults({ path: 'services/api/publish-route.test.ts', text: '' })).toEqual([]);
  });
});

describe('the check of folder sizes', () => {
  const files = (count: number) =>
    Array.from({ length: count }, (_, index) => ({ path: `services/api/file-${index}.ts`, text: '' }));

  test('refuses a folder with more files than the limit', () => {
    expect(crowdedFolders(files(MOST_FILES + 1))).toMatchObject([{ path: 'services/api' }]);
  });

  test('does not count the files of subfolders', () => {
    const below = { path: 'services/api/http/server.ts', text: '' };
    expect(crowdedFolders([...files(MOST_FILES), below])).toEqual([]);
  });
});

describe('the check of lint exceptions', () => {
  test.each([
    `/* ${OFF} */`,
    `// ${OFF}-next-line`,
    `// ${OFF}-next-line no-console`,
    `/* ${OFF} no-console -- for the whole file */`,
    `// eslint-${OFF.slice(7)} no-console`,
    `// ${OFF}-next-line max-lines-per-function -- it is long`,
    `// ${OFF}-line no-restricted-globals -- only here`,
  ])('refuses the comment "%s"', (text) => {
    expect(exceptionFaults({ path: 'core/it.ts', text: `const a = 1;\n${text}` })).toMatchObject([
      { line: 2 },
    ]);
  });

  test('accepts an exception for one line that gives a reason', () => {
    const text = `// ${OFF}-next-line no-control-regex -- a terminal's escapes begin with one`;
    expect(exceptionFaults({ path: 'core/it.ts', text })).toEqual([]);
  });
});

describe('the check of skipped tests', () => {
  test.each(['test.#skip(', 'describe.#only(', 'it.#todo(', 'test.concurrent.#skip('])(
    'refuses a test with "%s"',
    (text) => {
      expect(skippedTests({ path: 'test/unit/it.test.ts', text: text.replace('#', '') })).toHaveLength(1);
    },
  );
});

describe('the project', () => {
  test('names every file and folder after its content', async () => {
    expect((await readSourceFiles()).flatMap(nameFaults)).toEqual([]);
  });

  test('has no folder with more files than the limit', async () => {
    expect((await readSourceFiles()).length).toBeGreaterThan(20);
    expect(crowdedFolders(await readSourceFiles())).toEqual([]);
  });

  test('never disables a lint rule without a reason, and never disables a rule about imports', async () => {
    expect((await readSourceFiles()).flatMap(exceptionFaults)).toEqual([]);
  });

  test('never skips a test', async () => {
    expect((await readSourceFiles(['test'])).flatMap(skippedTests)).toEqual([]);
  });
});
