import { expect, test } from 'vitest';

import { pathFaults } from './api-paths.ts';
import { PRODUCT, readSourceFiles } from '../source-files.ts';

test('packages/protocol/paths.ts is the only product file that contains API paths', async () => {
  const faults = (await readSourceFiles(PRODUCT)).flatMap(pathFaults);
  expect(faults).toEqual([]);
});

test.each([
  ['a string', "const path = '/v1/tenants';"],
  ['a template', 'const path = `/v1/tenants/${tenant}`;'],
  ['the rest of a template', 'const url = `${publicUrl}/v1/callbacks/${capability}`;'],
  ['the path of a probe', "await client.call('GET', '/readyz');"],
  ['a regular expression', String.raw`const path = /^\/v1\/tenants$/;`],
])('the check of API paths reports %s with a path of the API', (_, text) => {
  expect(pathFaults({ path: 'services/api/one.ts', text })).toHaveLength(1);
});

test('the check of API paths does not report a comment or a description that contains a path', () => {
  const text = "/** /v1/tenants */\nconst meta = { description: 'See `/v1/tenants`.' };";
  expect(pathFaults({ path: 'services/api/one.ts', text })).toEqual([]);
});
