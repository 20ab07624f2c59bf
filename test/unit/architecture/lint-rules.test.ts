import { execFile } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';

import { ROOT } from './source-files.ts';

const lines = (count: number): string => 'void 0;\n'.repeat(count);

/** Examples of files that break a rule, and the rule that the project's linter must report. */
const FORBIDDEN: [rule: string, path: string, text: string][] = [
  ['max-lines', 'services/a/too-long.ts', lines(301)],
  ['max-lines-per-function', 'services/a/long-function.ts', `export function f(): void {\n${lines(69)}}\n`],
  ['complexity', 'services/a/maze.ts', `export const f = (a: number): number => ${'a ? 1 : '.repeat(16)}0;`],
  ['no-default-export', 'core/default.ts', 'export default 1;'],
  ['no-barrel-file', 'core/barrel.ts', "export * from './good.ts';"],
  ['no-cycle', 'core/cycle-a.ts', "import { b } from './cycle-b.ts';\nexport const a = b;"],
  ['filename-case', 'core/camelCase.ts', 'export const a = 1;'],
  ['no-floating-promises', 'services/a/floating.ts', 'Promise.resolve(1);'],
  ['no-misused-promises', 'services/a/misused.ts', 'export const a = [1].filter(async () => true);'],
  ['no-misused-spread', 'services/a/spread-text.ts', 'export const a = (text: string) => [...text];'],
  ['await-thenable', 'services/a/await-nothing.ts', 'export const a = await 1;'],
  [
    'switch-exhaustiveness-check',
    'services/a/half.ts',
    "export function f(a: 'x' | 'y'): number { switch (a) { case 'x': return 1; } return 0; }",
  ],
  ['no-explicit-any', 'services/a/anything.ts', 'export const a: any = 1;'],
  ['no-unsafe-assignment', 'services/a/believing.ts', "export const a: string = JSON.parse('1');"],
  ['no-unsafe-type-assertion', 'services/postgres/cast.ts', "export const a = JSON.parse('1') as string;"],
  ['missing-throw', 'handlers/unthrown.ts', "export function f(): void { new Error('no'); }"],
  ['only-throw-error', 'services/a/throws-text.ts', "throw 'no';"],
  ['no-console', 'services/a/prints.ts', "console.log('a');"],
  ['no-restricted-globals', 'handlers/now.ts', 'export const a = Date.now();'],
  ['no-restricted-globals', 'core/today.ts', 'export const a = new Date();'],
  ['no-restricted-globals', 'handlers/env.ts', "export const a = process.env['A'];"],
  ['no-restricted-globals', 'handlers/call.ts', "export const a = fetch('http://a');"],
  ['no-restricted-globals', 'handlers/timer.ts', 'setTimeout(() => {}, 1);'],
  ['no-restricted-globals', 'handlers/uuid.ts', 'export const a = crypto.randomUUID();'],
  ['no-restricted-globals', 'core/detour.ts', 'export const a = globalThis.Date.now();'],
  ['no-restricted-properties', 'handlers/random.ts', 'export const a = Math.random();'],
  ['no-restricted-properties', 'core/random.ts', 'export const a = Math.random();'],
  ...['all', 'race', 'any', 'allSettled'].map((name): [string, string, string] => [
    'no-restricted-properties',
    `handlers/promise-${name.toLowerCase()}.ts`,
    `export const a = Promise.${name}([]);`,
  ]),
  [
    'no-focused-tests',
    'test/unit/focused.test.ts',
    "import { test } from 'vitest';\ntest.only('a', () => {});",
  ],
  [
    'no-disabled-tests',
    'test/unit/disabled.test.ts',
    "import { test } from 'vitest';\ntest.skip('a', () => {});",
  ],
];

const ALLOWED: [path: string, text: string][] = [
  ['core/good.ts', 'export const a = 1;\n'],
  ['core/cycle-b.ts', "import { a } from './cycle-a.ts';\nexport const b = 1;\nexport const c = () => a;\n"],
  ['services/a/now.ts', 'export const a = Date.now();\n'],
  ['services/a/long-enough.ts', lines(300)],
];

const Report = z.object({ diagnostics: z.array(z.object({ code: z.string(), filename: z.string() })) });

let folder: string;
let found: { code: string; filename: string }[];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pointsman-lint-'));
  for (const name of ['.oxlintrc.json', 'tsconfig.json'])
    await copyFile(join(ROOT, name), join(folder, name));
  await symlink(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  for (const [path, text] of [...ALLOWED, ...FORBIDDEN.map(([, ...file]) => file)]) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), text);
  }
  found = Report.parse(JSON.parse(await lint(folder))).diagnostics;
});

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

test.each(FORBIDDEN)('the linter reports a violation of %s in %s', (rule, path) => {
  const codes = found.filter(({ filename }) => filename.endsWith(path)).map(({ code }) => code);
  expect(codes).toContainEqual(expect.stringMatching(new RegExp(`\\(${rule}\\)$`)));
});

test.each(ALLOWED.filter(([path]) => !path.includes('cycle')))('the linter reports nothing in %s', (path) => {
  expect(found.filter(({ filename }) => filename.endsWith(path))).toEqual([]);
});

/** Runs the linter and returns its report. The exit code is 1, because it finds faults. */
function lint(cwd: string): Promise<string> {
  const program = join(ROOT, 'node_modules/oxlint/bin/oxlint');
  return new Promise((resolve, reject) => {
    execFile(
      process.execPath,
      [program, '--format', 'json'],
      { cwd, maxBuffer: 2 ** 26 },
      (error, stdout) => {
        if (error && error.code !== 1) reject(new Error(error.message));
        else resolve(stdout);
      },
    );
  });
}
