import { describe, expect, test } from 'vitest';
import { compileSource } from '../../../services/compiler/compile-source.ts';
import { artifactOf, compileHere, memorySource, problemsOf } from './compile-here.ts';

const recipe = 'apiVersion: pointsman/v1\nmodules: [{ entry: tools/m.ts }]';
const bundle = (entry: string, others: { [path: string]: string } = {}) => ({
  'pointsman.yaml': recipe,
  'tools/m.ts': entry,
  ...others,
});

test('a module and its imports are bundled into one ES module, with the same bytes each time', async () => {
  const files = bundle(
    "import { rate } from './rates.js';\nimport data from '../data.json';\nimport text from './t.md';\nexport const total = (n: number): number => n * rate * data.x + text.length;",
    {
      'tools/rates.ts': "export { rate } from './deep';",
      'tools/deep/index.ts': 'export const rate = 2; export const unused = 3;',
      'data.json': '{"x":5}',
      'tools/t.md': 'hello',
    },
  );
  const first = await artifactOf(files);
  expect(Object.keys(first)).toEqual(['tools/m.js']);
  expect(await artifactOf(files)).toEqual(first);
  const code = first['tools/m.js'] ?? '';
  const loaded = (await import(`data:text/javascript,${encodeURIComponent(code)}`)) as {
    total: (n: number) => number;
  };
  expect(loaded.total(3)).toBe(35);
  expect(code).not.toContain('unused');
});

test('a store failure during the read of an imported file is thrown, and not reported as a problem of the module', async () => {
  const { tree, readBlobs } = memorySource(
    bundle("export * from './n';", { 'tools/n.ts': 'export const n = 1;' }),
  );
  const imported = tree.entries.find(({ path }) => path === 'tools/n.ts')?.digest ?? '';
  const failure = new Error('the store is unavailable');
  const compiling = compileSource(tree.entries, async (wanted) => {
    if (wanted.some(({ digest }) => digest === imported)) throw failure;
    const blobs = await readBlobs(wanted.map(({ digest }) => digest));
    return wanted.map(({ digest }) => ({ facts: null, content: blobs.get(digest) ?? null }));
  });
  await expect(compiling).rejects.toBe(failure);
});

describe('in a module of a source,', () => {
  test.each<[what: string, code: string, problem: string]>([
    ['a package', "import 'left-pad';", '1:8 module_import'],
    ['a built-in', "import fs from 'node:fs';\nexport default fs;", '1:16 module_import'],
    ['an absolute path', "import '/etc/passwd';", '1:8 module_import'],
    ['a URL', "import 'https://example.com/x.js';", '1:8 module_import'],
    ['a path outside the source', "import '../../package.json';", '1:8 module_import'],
    ['a missing file', "const é = 1; export * from './none';", '1:28 module_import'],
    [
      'a computed import',
      "export const x = (n: string) => import('../../' + n + '.json');",
      '1:33 module_import',
    ],
    ['a template import', 'export const x = (n: string) => import(`./${n}.js`);', '1:33 module_import'],
    [
      'an import hidden by comments',
      "export const x = (n: string) => import/* \n */// x\n(('./' + n));",
      '1:33 module_import',
    ],
    [
      'a require',
      "declare const require: any;\nexport const x = (n: string) => require('../../' + n);",
      '1:15 module_require',
    ],
    ['a plain dynamic import of a package', "export const x = () => import('fs');", '1:31 module_import'],
  ])('%s cannot be imported', async (_what, code, problem) => {
    expect(await problemsOf(bundle(code))).toEqual([`tools/m.ts:${problem}`]);
  });

  test('a file that exists on the disk but not in the source cannot be imported', async () => {
    // A file package.json exists in the working directory of the test, but not in the source.
    expect(await problemsOf(bundle("import '../package.json';"))).toEqual(['tools/m.ts:1:8 module_import']);
  });
});

describe('a module that cannot be bundled', () => {
  test('is reported at the location of its syntax error', async () => {
    expect(await problemsOf(bundle('export const ok = 1;\nexport const é: = 2;'))).toEqual([
      'tools/m.ts:2:17 module_syntax',
    ]);
  });

  test.each<[what: string, code: string, problem: string]>([
    ['nested too deeply', `export const x = ${'('.repeat(100_000)}`, '1:1018 too_deep'],
    ['too large', `// ${'x'.repeat(600_000)}`, '1:1 module_too_large'],
  ])('is reported when it is %s, and the next module is bundled', async (_what, code, problem) => {
    expect(await problemsOf(bundle(code))).toEqual([`tools/m.ts:${problem}`]);
    expect((await compileHere(bundle('export const x = 1;'))).kind).toBe('compiled');
  });

  test('is reported at the imported file when that file has an unknown format or is invalid UTF-8', async () => {
    const files = {
      ...bundle("import './x.wasm';\nimport './y.ts';", { 'tools/x.wasm': '' }),
      'tools/y.ts': new Uint8Array([0xff]),
    };
    expect(await problemsOf(files)).toEqual([
      'tools/x.wasm:1:1 unknown_format',
      'tools/y.ts:1:1 invalid_utf8',
    ]);
  });
});

test('a dynamic import of a file in the source is bundled with its module', async () => {
  const files = bundle("export const x = () => import('./lazy.ts');", {
    'tools/lazy.ts': 'export const lazy = 1;',
  });
  expect((await artifactOf(files))['tools/m.js']).toContain('lazy = 1');
});

test('bundling a module does not execute its code', async () => {
  const mark = '__compiled_code_ran';
  await artifactOf(
    bundle(`globalThis.${mark} = true; export const x = (() => { throw new Error('ran'); })();`),
  );
  expect(mark in globalThis).toBe(false);
});
