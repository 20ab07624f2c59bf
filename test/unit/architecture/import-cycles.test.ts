import { describe, expect, test } from 'vitest';

import { importCycles } from './import-cycles.ts';
import { readSourceFiles } from './source-files.ts';

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

describe('the check of cycles', () => {
  test.each(CYCLES)('finds %s, and names the files', (_title, files) => {
    const outside = {
      'core/above.ts': `import { a } from './a.ts'; import { under } from './under.ts';`,
      'core/under.ts': `export const under = 1;`,
    };
    expect(importCycles(sourcesOf({ ...outside, ...files }))).toEqual([Object.keys(files)]);
  });

  test('tells two cycles apart that are joined by one arrow', () => {
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

  test('lets two paths to the same file pass', () => {
    const files = {
      'core/a.ts': `import './b.ts'; import './c.ts';`,
      'core/b.ts': `import './d.ts';`,
      'core/c.ts': `import './d.ts';`,
      'core/d.ts': `export const d = 1;`,
    };
    expect(importCycles(sourcesOf(files))).toEqual([]);
  });
});

test('no file of the product and of what supports its tests is in a cycle of imports', async () => {
  const sources = await readSourceFiles(['core', 'handlers', 'services', 'test/support']);
  expect(sources.length).toBeGreaterThan(20);
  expect(importCycles(sources)).toEqual([]);
});

function sourcesOf(files: Readonly<Record<string, string>>) {
  return Object.entries(files).map(([path, text]) => ({ path, text }));
}
