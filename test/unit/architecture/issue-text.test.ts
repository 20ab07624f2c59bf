import { expect, test } from 'vitest';

import { issueTextFaults } from './issue-text.ts';
import { readSourceFiles } from './source-files.ts';

const faultsOf = (text: string, path = 'services/api/it.ts') => issueTextFaults({ path, text });

test.each([
  'z.prettifyError(parsed.error);',
  'z.treeifyError(parsed.error);',
  'const all = parsed.error.issues.map(String);',
  "const all = parsed.error['issues'];",
  'throw new Error(parsed.error.message);',
  'log.warn(JSON.stringify(parsed.error));',
  'log.warn(String(read.error));',
])('the check of the texts of schema errors refuses %s', (text) => {
  expect(faultsOf(`import { z } from 'zod';\n${text}`)).toMatchObject([{ line: 2, rule: 'issue-text' }]);
});

test('the check lets pass the one file that reads issues, and the message of an error that was caught', () => {
  expect(faultsOf('error.issues.slice(0, 3);', 'core/schema-issues.ts')).toEqual([]);
  expect(faultsOf('const text = error.message;')).toEqual([]);
});

test('nothing of the product makes text of all issues of a document from outside', async () => {
  const product = await readSourceFiles(['core', 'handlers', 'services']);
  expect(product.flatMap(issueTextFaults)).toEqual([]);
});
