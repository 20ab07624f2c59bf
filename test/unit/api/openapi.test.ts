import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { pino } from 'pino';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { type App, createApp } from '../../../services/api/app.ts';
import { type Compiler, createCompiler } from '../../../services/compiler/compiler.ts';
import { type Database, openDatabase } from '../../../services/postgres/database.ts';
import { Notifications } from '../../../services/postgres/notifications.ts';

const nowhere = 'postgres://nobody@127.0.0.1:1/nothing';
const root = fileURLToPath(new URL('../../../', import.meta.url));

interface Operation {
  readonly operationId?: string;
  readonly summary?: string;
  readonly description?: string;
  readonly tags?: readonly string[];
  readonly security?: readonly unknown[];
  readonly responses: Record<string, { content?: Record<string, unknown> }>;
}

let app: App;
let db: Database;
let compiler: Compiler;
let document: { openapi: string; paths: Record<string, Record<string, Operation>> };

// The OpenAPI document needs no store, so the database URL may be unreachable.
beforeAll(async () => {
  db = openDatabase(nowhere);
  compiler = createCompiler();
  app = createApp({
    db,
    notifications: new Notifications(nowhere),
    compiler,
    restateIngressUrl: 'http://127.0.0.1:1',
    restateAdminUrl: null,
    dataDir: null,
    adminTokenSha256: '0'.repeat(64),
    secretKeys: null,
    brokers: [],
    celeryGrants: [],
    queueDepths: null,
    log: pino({ level: 'silent' }),
    draining: new AbortController().signal,
  });
  const response = await app.fetch(new Request('http://test/openapi.json'));
  document = (await response.json()) as typeof document;
});

afterAll(async () => {
  await app.close();
  await compiler.close();
  await db.close();
});

function operations(): [string, string, Operation][] {
  return Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]): [string, string, Operation] => [
      method,
      path,
      operation,
    ]),
  );
}

test('the OpenAPI document is valid OpenAPI 3.1, without an error or a warning from redocly', async () => {
  expect(document.openapi).toBe('3.1.0');
  const folder = await mkdtemp(join(tmpdir(), 'pointsman-openapi-'));
  try {
    const file = join(folder, 'openapi.json');
    await writeFile(file, JSON.stringify(document));
    const redocly = join(root, 'node_modules/.bin/redocly');
    const config = join(root, 'services/api/redocly.yaml');
    const env = { ...process.env, REDOCLY_TELEMETRY: 'off', REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true' };
    const run = promisify(execFile)(redocly, ['lint', '--config', config, '--format', 'json', file], { env });
    const { stdout } = await run.catch((failed: { stdout: string }) => failed);
    const { totals, problems } = JSON.parse(stdout) as {
      totals: Record<string, number>;
      problems: unknown[];
    };
    expect({ ...totals, problems }).toEqual({ errors: 0, warnings: 0, ignored: 0, problems: [] });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test('the OpenAPI document contains every route of the API and nothing else', () => {
  const served = app.endpoints.map(({ method, path }) => `${method} ${path.replace('+}', '}')}`);
  expect(
    operations()
      .map(([method, path]) => `${method} ${path}`)
      .toSorted(),
  ).toEqual(served.toSorted());
});

test('every operation of the OpenAPI document has a route in the API', async () => {
  const answered = async (method: string, path: string) => {
    const response = await app.fetch(new Request(`http://test${path}`, { method: method.toUpperCase() }));
    return { status: response.status, text: await response.text() };
  };
  const hasNoRoute = (path: string) => expect.stringContaining(`The path ${path} does not exist`) as string;
  expect((await answered('get', '/v1/nothing')).text).toEqual(hasNoRoute('/v1/nothing'));
  for (const [method, template] of operations()) {
    const path = template.replaceAll(/\{\w+\}/g, 'x');
    // A route exists if it returns a 401, a success, or the error about an unknown capability. Without a token, the
    // API does not query its stores.
    const { status, text } = await answered(method, path);
    expect([path, text]).not.toEqual([path, hasNoRoute(path)]);
    expect([status, path]).not.toEqual([405, path]);
  }
});

test('every operation of the OpenAPI document has a unique id, a description, its permissions and its errors', () => {
  const names = operations().map(([, , { operationId }]) => operationId);
  expect(new Set(names).size).toBe(names.length);
  for (const [method, path, operation] of operations()) {
    const { operationId, summary, description, tags, security, responses } = operation;
    const where = `${method} ${path}`;
    expect([where, operationId, summary, description, tags?.[0]]).not.toContain(undefined);
    expect([where, security]).not.toContain(undefined);
    const problems = Object.entries(responses).filter(([status]) => status >= '400');
    expect([where, problems.length]).not.toEqual([where, 0]);
    for (const [, { content }] of problems)
      expect([where, Object.keys(content ?? {})]).toEqual([where, ['application/problem+json']]);
    const refusals = security?.length === 0 ? ['503'] : ['401', '403', '503'];
    // The API generates the schemas itself, without a store, so these routes never return 503.
    if (path.startsWith('/v1/') && !path.startsWith('/v1/schemas/'))
      expect([where, Object.keys(responses)]).toEqual([where, expect.arrayContaining(refusals)]);
  }
});
