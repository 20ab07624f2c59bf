import { expect, test } from 'vitest';

import { pathFaults } from './api-paths.ts';
import { PRODUCT, readSourceFiles } from '../source-files.ts';

test('only packages/protocol/paths.ts states the paths of the API', async () => {
  const faults = (await readSourceFiles(PRODUCT)).flatMap(pathFaults);
  expect(faults).toEqual([]);
});

test.each([
  ['a string', "const path = '/v1/tenants';"],
  ['a template', 'const path = `/v1/tenants/${tenant}`;'],
  ['the rest of a template', 'const url = `${publicUrl}/v1/callbacks/${capability}`;'],
  ['the path of a probe', "await client.call('GET', '/readyz');"],
  ['a regular expression', String.raw`const path = /^\/v1\/tenants$/;`],
])('%s with a path of the API is reported', (_, text) => {
  expect(pathFaults({ path: 'services/api/one.ts', text })).toHaveLength(1);
});

test('a comment and a description with a path in it are not reported', () => {
  const text = "/** /v1/tenants */\nconst meta = { description: 'See `/v1/tenants`.' };";
  expect(pathFaults({ path: 'services/api/one.ts', text })).toEqual([]);
});
