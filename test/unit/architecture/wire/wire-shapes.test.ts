import { glob } from 'node:fs/promises';
import { join } from 'node:path';

import { beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';

import { Policy } from '../../../../core/policy.ts';
import type { Endpoint } from '../../../../services/api/http/endpoint.ts';
import { withApi } from '../../../docs/api-without-stores.ts';
import { PRODUCT, readSourceFiles, ROOT } from '../source-files.ts';
import { bodyFaults, problemFaults, readerSchemaFaults } from './wire-shapes.ts';

/** The policy is a document of the domain: the validity of its windows is a decision of core. */
const OF_CORE: readonly unknown[] = [Policy];

let stated: ReadonlySet<unknown>;
let endpoints: readonly Endpoint[];

beforeAll(async () => {
  const exported: unknown[] = [];
  for await (const path of glob('packages/protocol/**/*.ts', { cwd: ROOT })) {
    if (path.includes('node_modules')) continue;
    const module = (await import(join(ROOT, path))) as Readonly<Record<string, unknown>>;
    exported.push(...Object.values(module));
  }
  stated = new Set([...exported, ...OF_CORE].filter((one) => one instanceof z.ZodType));
  endpoints = await withApi(async (app) => app.endpoints);
});

/** Whether the schema is exported by the protocol, or is a union or a page of such schemas. */
function isStated(schema: unknown): boolean {
  if (stated.has(schema)) return true;
  if (schema instanceof z.ZodUnion) return schema.options.every(isStated);
  if (!(schema instanceof z.ZodObject)) return false;
  const { items, next, ...others } = schema.shape;
  const isPage = items instanceof z.ZodArray && next !== undefined && Object.keys(others).length === 0;
  return isPage && isStated(items.element);
}

/** The zod schemas in the `content` of a body or of a response. */
function schemasOf(content: object = {}): z.ZodType[] {
  return Object.values(content).flatMap((media: unknown) => {
    if (typeof media !== 'object' || media === null || !('schema' in media)) return [];
    return media.schema instanceof z.ZodType ? [media.schema] : [];
  });
}

test('every request body of the API has a schema from packages/protocol', () => {
  const bodies = endpoints.flatMap(({ operationId, body, ownBody }) =>
    [...(body === null ? [] : [body]), ...schemasOf(ownBody?.content)].map((schema) => ({
      operationId,
      schema,
    })),
  );
  expect(bodies.length).toBeGreaterThan(15);
  expect(bodies.filter(({ schema }) => !isStated(schema)).map(({ operationId }) => operationId)).toEqual([]);
});

test('every JSON response of the API has a schema from packages/protocol, or is a page of such a schema', () => {
  const responses = endpoints.flatMap(({ operationId, responses: given }) =>
    Object.values(given)
      .flatMap((one) => schemasOf('content' in one ? one.content : {}))
      .map((schema) => ({ operationId, schema })),
  );
  expect(responses.length).toBeGreaterThan(40);
  expect(responses.filter(({ schema }) => !isStated(schema)).map(({ operationId }) => operationId)).toEqual(
    [],
  );
});

test('the code that reads API responses declares no schema, and only one file declares the problem document', async () => {
  const sources = await readSourceFiles(PRODUCT);
  expect(sources.flatMap(readerSchemaFaults)).toEqual([]);
  expect(sources.flatMap(problemFaults)).toEqual([]);
});

test('every request body that the client and the command line send has a type from packages/protocol', async () => {
  expect((await readSourceFiles(['packages'])).flatMap(bodyFaults)).toEqual([]);
});

const IMPORT = `import type { HoldBody } from '@pointsman/protocol/moves/pointer-bodies';`;

describe('the check of request bodies', () => {
  test.each([
    ['a literal', `client.call('PUT', path, View, { json: { reason } });`],
    ['an inferred type', `const json = { reason }; client.call('PUT', path, View, { json });`],
    [
      'a type of the file',
      `interface Own { reason: string } const json: Own = { reason }; client.send('PUT', path, { json });`,
    ],
    ['a type in place', `const json: { reason: string } = { reason }; client.send('PUT', path, { json });`],
    [
      'a type without fields',
      `async function put(json: object) { await client.send('PUT', path, { json }); }`,
    ],
  ])('reports a body that is %s', (_, text) => {
    expect(bodyFaults({ path: 'packages/cli/one.ts', text: `${IMPORT}\n${text}` })).toHaveLength(1);
  });

  test.each([
    [
      'an annotated variable',
      `const body: HoldBody = { reason }; client.call('PUT', path, View, { json: body });`,
    ],
    ['a parameter', `async function put(json: HoldBody) { await client.send('PUT', path, { json }); }`],
    [
      'a literal that satisfies the type',
      `client.call('PUT', path, View, { json: { reason } satisfies HoldBody });`,
    ],
  ])('accepts a body that is %s', (_, text) => {
    expect(bodyFaults({ path: 'packages/cli/one.ts', text: `${IMPORT}\n${text}` })).toEqual([]);
  });
});

test('a schema in code that reads API responses is reported, and so is a second problem document', () => {
  const text = `const Problem = z.looseObject({ title: z.string(), status: z.number() });`;
  expect(readerSchemaFaults({ path: 'packages/client/http/one.ts', text })).toHaveLength(1);
  expect(problemFaults({ path: 'services/api/one.ts', text })).toHaveLength(1);
  expect(problemFaults({ path: 'packages/protocol/problem.ts', text })).toEqual([]);
});
