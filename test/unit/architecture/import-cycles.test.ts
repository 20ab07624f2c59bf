import { describe, expect, test } from 'vitest';

import { folderCycles, importCycles } from './import-cycles.ts';
import { PRODUCT, readSourceFiles } from './source-files.ts';

const CYCLES: [string, Record<string, string>][] = [
  [
    'two files that import each other',
    { 'core/a.ts': `import { b } from './b.ts';`, 'core/b.ts': `import { a } from './a.ts';` },
  ],
  [
    'a helper that imports the type of the options of its host',
    {
      'core/a.ts': `import { help } from './sub/b.ts';`,
      'core/sub/b.ts': `import type { Options } from '../a.ts';`,
    },
  ],
  [
    'three files, by a re-export, a type in place and a dynamic import',
    {
      'core/a.ts': `export { b } from './b.ts';`,
      'core/b.ts': `type C = import('./c.ts').C;`,
      'core/c.ts': `const a = await import('./a.ts');`,
    },
  ],
  ['a file that imports itself', { 'core/a.ts': `import type { A } from './a.ts';` }],
];

describe('the check of import cycles', () => {
  test.each(CYCLES)('finds %s, and names the files', (_title, files) => {
    const outside = {
      'core/above.ts': `import { a } from './a.ts'; import { under } from './under.ts';`,
      'core/under.ts': `export const under = 1;`,
    };
    expect(importCycles(sourcesOf({ ...outside, ...files }))).toEqual([Object.keys(files)]);
  });

  test('reports two cycles separately, although one import connects them', () => {
    const files = {
      'core/a.ts': `import './b.ts';`,
      'core/b.ts': `import './a.ts'; import './c.ts';`,
      'core/c.ts': `import './d.ts';`,
      'core/d.ts': `import './c.ts';`,
    };
    expect(importCycles(sourcesOf(files))).toEqual([
      ['core/a.ts', 'core/b.ts'],
      ['core/c.ts', 'core/d.ts'],
    ]);
  });

  test('accepts two import paths that lead to the same file', () => {
    const files = {
      'core/a.ts': `import './b.ts'; import './c.ts';`,
      'core/b.ts': `import './d.ts';`,
      'core/c.ts': `import './d.ts';`,
      'core/d.ts': `export const d = 1;`,
    };
    expect(importCycles(sourcesOf(files))).toEqual([]);
  });
});

describe('the check of import cycles between folders', () => {
  test('finds two subfolders that import each other through different files', () => {
    const files = {
      'services/api/gates/gate-view.ts': `import { page } from '../requests/pages.ts';`,
      'services/api/requests/pages.ts': `export const page = 1;`,
      'services/api/requests/body.ts': `import { decide } from '../gates/deep/decide.ts';`,
      'services/api/gates/deep/decide.ts': `export const decide = 1;`,
    };
    expect(folderCycles(sourcesOf(files))).toEqual([['services/api/gates', 'services/api/requests']]);
  });

  test('accepts imports between the files of a folder and its subfolders', () => {
    const files = {
      'services/api/app.ts': `import { route } from './gates/routes.ts';`,
      'services/api/gates/routes.ts': `import { limit } from '../limits.ts';`,
      'services/api/limits.ts': `export const limit = 1;`,
    };
    expect(folderCycles(sourcesOf(files))).toEqual([]);
  });
});

test('two folders of the product never import each other', async () => {
  const sources = await readSourceFiles(PRODUCT);
  expect(sources.length).toBeGreaterThan(20);
  expect(folderCycles(sources)).toEqual([]);
});

test('a file of the product or of its test support is never in a cycle of imports', async () => {
  const sources = await readSourceFiles([...PRODUCT, 'test/support']);
  expect(sources.length).toBeGreaterThan(20);
  expect(importCycles(sources)).toEqual([]);
});

function sourcesOf(files: Readonly<Record<string, string>>) {
  return Object.entries(files).map(([path, text]) => ({ path, text }));
}
