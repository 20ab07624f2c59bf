import { expect, test } from 'vitest';

import { issueTextFaults, throwingParses, TRUSTED } from './issue-text.ts';
import { PRODUCT, readSourceFiles } from './source-files.ts';

const faultsOf = (text: string, path = 'services/api/it.ts') => issueTextFaults({ path, text });

test.each([
  'z.prettifyError(parsed.error);',
  'z.treeifyError(parsed.error);',
  'const all = parsed.error.issues.map(String);',
  "const all = parsed.error['issues'];",
  "const all = parsed['error'];",
  'throw new Error(parsed.error.message);',
  'throw new Error(`no: ${parsed.error}`);',
  'throw parsed.error;',
  'throw new Error("no", { cause: parsed.error });',
  'const text = parsed.error.toString();',
  'const { error } = parsed; log.warn(error.message);',
  'const { error: found } = Schema.safeParse(value);',
  'const textOf = ({ error }) => String(error);',
  'log.warn({ err: parsed.error });',
  'log.warn(JSON.stringify(parsed.error));',
  'log.warn(String(read.error));',
  'describeIssues(parsed.error);',
  'const value = Schema.parse(value);',
  'const value = z.string().parse(value);',
  'const value = await Schema.parseAsync(value);',
  'try { Schema.parse(value); } catch (error) { log.warn(error.message); }',
])('the check of schema error texts refuses the code: %s', (text) => {
  const faults = faultsOf(`import { z } from 'zod';\n${text}`);
  expect(faults.length).toBeGreaterThan(0);
  for (const fault of faults) expect(fault).toMatchObject({ line: 2, rule: 'issue-text' });
});

test('the check of schema error texts accepts the one file that may read issues, caught errors and unrelated code', () => {
  expect(faultsOf('error.issues.slice(0, 3);', 'packages/protocol/json/schema-issues.ts')).toEqual([]);
  expect(faultsOf('const text = error.message;')).toEqual([]);
  expect(faultsOf('log.error({ err: error }); describeIssues(parsed);')).toEqual([]);
  expect(faultsOf('JSON.parse(text); Date.parse(text); URL.parse(text);')).toEqual([]);
});

test('the check of schema error texts refuses a file with one parse() call more than it is allowed', () => {
  const [path = '', { calls } = { calls: 0 }] = [...TRUSTED][0] ?? [];
  expect(faultsOf('Schema.parse(row);\n'.repeat(calls), path)).toEqual([]);
  expect(faultsOf('Schema.parse(row);\n'.repeat(calls + 1), path)).toHaveLength(calls + 1);
});

test('the product never turns all schema issues of an untrusted document into text', async () => {
  const product = await readSourceFiles(PRODUCT);
  expect(product.flatMap(issueTextFaults)).toEqual([]);
  // The allowed number of calls must equal the actual number. A higher number would let another call pass unnoticed.
  const parsing = product.filter(({ path }) => TRUSTED.has(path));
  expect(new Map(parsing.map((source) => [source.path, throwingParses(source)]))).toEqual(
    new Map([...TRUSTED].map(([path, { calls }]) => [path, calls])),
  );
});
