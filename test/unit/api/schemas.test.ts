import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { Ajv } from 'ajv';
import addFormats from 'ajv-formats';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';

import type { Endpoint } from '../../../services/api/http/endpoint.ts';
import { schemaEndpoints } from '../../../services/api/operations/schema-routes.ts';
import { jsonSchemaOf, type SchemaName } from '../../../services/api/operations/schema-documents.ts';
import { Policy } from '../../../core/policy.ts';
import { RecipeSchema } from '../../../services/compiler/recipe/recipe-schema.ts';

const read = (path: string): string =>
  readFileSync(fileURLToPath(new URL(`../../../${path}`, import.meta.url)), 'utf8');

const example: unknown = parse(read('examples/support-bot/pointsman.yaml'));
const [, guideText = ''] = /```yaml\n([^]*?)```/.exec(read('docs/guides/sources.md')) ?? [];
const guide: unknown = parse(guideText);
const [, policyText = ''] = /```json\n([^]*?)```/.exec(read('docs/guides/policy.md')) ?? [];
const policy: unknown = JSON.parse(policyText);

function matches(name: SchemaName, document: unknown): boolean {
  const ajv = new Ajv({ strict: false });
  addFormats.default(ajv);
  return ajv.validate(jsonSchemaOf(name), document);
}

describe('the published JSON Schema', () => {
  test.each([
    ['pointsman.json', 'the example bundle', example],
    ['pointsman.json', 'the file of the guide', guide],
    ['pointsman.json', 'the shortest file', { apiVersion: 'pointsman/v1' }],
    ['policy.json', 'the policy of the guide', policy],
    ['policy.json', 'the empty policy', {}],
    [
      'policy.json',
      'a compilation by HTTP',
      { compile: { executor: 'http', url: 'https://c.example/jobs' } },
    ],
  ] as const)('%s accepts %s, and so does the zod schema', (name, _what, document) => {
    const schema = name === 'policy.json' ? Policy : RecipeSchema;
    expect([matches(name, document), schema.safeParse(document).success]).toEqual([true, true]);
  });

  test.each([
    ['pointsman.json', 'an unknown field', { apiVersion: 'pointsman/v1', document: [] }],
    ['pointsman.json', 'another version', { apiVersion: 'pointsman/v2' }],
    [
      'pointsman.json',
      'a document without patterns',
      { apiVersion: 'pointsman/v1', documents: [{ include: [] }] },
    ],
    ['policy.json', 'a gate of two kinds', gates({ approval: { name: 'a' }, check: { name: 'b' } })],
    ['policy.json', 'a gate of no kind', gates({})],
    ['policy.json', 'an unknown field of a gate', gates({ check: { name: 'e2e', whithin: '1h' } })],
    ['policy.json', 'a duration without a unit', gates({ check: { name: 'e2e', within: '60' } })],
    ['policy.json', 'an unknown executor', { compile: { executor: 'make' } }],
  ] as const)('%s refuses %s, and so does the zod schema', (name, _what, document) => {
    const schema = name === 'policy.json' ? Policy : RecipeSchema;
    expect([matches(name, document), schema.safeParse(document).success]).toEqual([false, false]);
  });
});

describe.each(schemaEndpoints())('GET $path', (endpoint) => {
  test('needs no token, and returns a JSON Schema in which every field has a description', async () => {
    expect(endpoint.may).toBeNull();
    const response = await ask(endpoint);
    expect([response.status, response.headers.get('content-type')]).toEqual([200, 'application/schema+json']);
    const schema: unknown = await response.json();
    expect(schema).toMatchObject({ $schema: 'http://json-schema.org/draft-07/schema#' });
    expect(undescribed(schema)).toEqual([]);
  });

  test('returns 304 without a body for its current entity tag, and the schema for any other tag', async () => {
    const etag = (await ask(endpoint)).headers.get('etag') ?? '';
    expect(etag).toMatch(/^"sha256:[0-9a-f]{64}"$/);
    const again = await ask(endpoint, etag);
    expect([again.status, await again.text(), again.headers.get('etag')]).toEqual([304, '', etag]);
    expect((await ask(endpoint, '"sha256:0"')).status).toBe(200);
  });
});

function gates(...rules: object[]): object {
  return { channels: { live: { gates: rules } } };
}

async function ask(endpoint: Endpoint, ifNoneMatch?: string): Promise<Response> {
  return endpoint.handle({ headers: { 'if-none-match': ifNoneMatch } } as never);
}

/**
 * The names of all fields that have no description, neither in the field itself nor in the schema that it refers to.
 */
function undescribed(schema: unknown): string[] {
  if (typeof schema !== 'object' || schema === null) return [];
  const fields = Object.entries((schema as { properties?: object }).properties ?? {}) as [string, object][];
  const silent = fields.filter(
    ([, field]) => !('description' in field || 'allOf' in field || '$ref' in field),
  );
  return [...silent.map(([name]) => name), ...Object.values(schema).flatMap(undescribed)];
}
