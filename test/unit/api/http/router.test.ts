import { pino } from 'pino';
import { expect, test } from 'vitest';
import { z } from 'zod';

import { PointsmanError } from '../../../../packages/protocol/errors.ts';
import { authenticate, type KnownTokens, type Principal } from '../../../../services/api/access/access.ts';
import { NO_CONNECTION } from '../../../../services/api/http/connection.ts';
import { endpoint } from '../../../../services/api/http/endpoint.ts';
import { responseShares } from '../../../../services/api/access/share-limits.ts';
import { Metrics } from '../../../../services/api/metrics/metrics.ts';
import { router } from '../../../../services/api/http/router.ts';
import { Shares } from '../../../../services/api/access/shares.ts';
import { hashToken } from '../../../../services/config/settings.ts';

const TOKEN = 'a-token-that-is-secret';

const known: KnownTokens = { adminSha256: hashToken(TOKEN), find: async () => null };

const docs = { summary: '', description: '', tags: [], responses: {} };
const thing = {
  ...docs,
  path: '/v1/tenants/{tenant}/things',
  params: z.strictObject({ tenant: z.string().max(5) }),
};

function startRouter(as: Principal | null = null) {
  const logged: string[] = [];
  const log = pino({ level: 'debug' }, { write: (line: string) => void logged.push(line) });
  const endpoints = [
    endpoint({
      ...thing,
      method: 'get',
      operationId: 'a',
      may: 'read',
      handle: ({ params }) => Response.json(params),
    }),
    endpoint({
      ...thing,
      method: 'put',
      operationId: 'b',
      may: 'control',
      query: z.strictObject({ mode: z.enum(['x', 'y']).optional() }),
      headers: z.object({ 'if-match': z.string().regex(/^\d+$/, 'must be digits').optional() }),
      body: z.strictObject({ name: z.string().max(3) }),
      handle: ({ body, query }) => Response.json({ body, query }),
    }),
    endpoint({
      ...docs,
      path: '/breaks',
      method: 'get',
      operationId: 'c',
      may: null,
      handle: () => {
        throw new Error('SELECT secret FROM inside');
      },
    }),
    endpoint({
      ...docs,
      path: '/down',
      method: 'get',
      operationId: 'd',
      may: null,
      handle: () => {
        throw new PointsmanError('unavailable', 'the store is down', {
          cause: new Error('10.0.0.7:5432 refused'),
        });
      },
    }),
    endpoint({
      ...docs,
      path: '/v1/files/{path+}',
      params: z.strictObject({ path: z.string() }),
      method: 'get',
      operationId: 'e',
      may: null,
      handle: ({ params }) => Response.json(params),
    }),
  ];
  const draining = new AbortController();
  const app = router(endpoints, {
    authenticate: async (authorization) => as ?? authenticate(authorization, known),
    metrics: new Metrics(),
    responses: new Shares(responseShares),
    log,
    draining: draining.signal,
  });
  const call = async (method: string, path: string, init: RequestInit = {}) => {
    const headers = {
      authorization: `Bearer ${TOKEN}`,
      ...(init.headers as Record<string, string> | undefined),
    };
    const response = await app.fetch(
      new Request(`http://test${path}`, { ...init, method, headers }),
      NO_CONNECTION,
    );
    const text = await response.text();
    const json = (text.startsWith('{') ? JSON.parse(text) : null) as Record<string, unknown> | null;
    return { status: response.status, headers: response.headers, text, json };
  };
  return { call, logged, draining };
}

const asJson = (body: string) => ({ body, headers: { 'content-type': 'application/json' } });

test('every response has its request id, its trace, and headers that prevent browsers from executing its content', async () => {
  const { call } = startRouter();
  const { headers, json } = await call('GET', '/v1/tenants/acme/things', {
    headers: { 'x-request-id': 'mine-1' },
  });
  expect(json).toEqual({ tenant: 'acme' });
  expect(headers.get('x-request-id')).toBe('mine-1');
  expect(headers.get('traceparent')).toMatch(/^00-/);
  expect(headers.get('x-content-type-options')).toBe('nosniff');
  expect(headers.get('content-security-policy')).toContain('sandbox');
});

test('a problem document contains its code, its status, its path, and the request id of the response header', async () => {
  const { call } = startRouter();
  const { status, headers, json } = await call('GET', '/v1/nowhere?x=1');
  expect(status).toBe(404);
  expect(headers.get('content-type')).toBe('application/problem+json');
  expect(json).toMatchObject({
    type: 'urn:pointsman:problem:not_found',
    code: 'not_found',
    status: 404,
    instance: '/v1/nowhere',
    requestId: headers.get('x-request-id'),
  });
});

test('a request without a token gets 401 with the authentication scheme before any other check', async () => {
  const { call } = startRouter();
  const { status, headers, json } = await call('PUT', '/v1/tenants/much-too-long/things', {
    body: '{',
    headers: { authorization: '' },
  });
  expect(status).toBe(401);
  expect(headers.get('www-authenticate')).toBe('Bearer realm="pointsman"');
  expect(json).toMatchObject({ code: 'unauthenticated' });
});

test('a request for another tenant gets 403 before any other check, whether the requested name exists, is unknown or is invalid', async () => {
  const { call } = startRouter({ id: '1', name: 'ci', tenant: 'acme', roles: ['publisher'] });
  expect((await call('GET', '/v1/tenants/acme/things')).status).toBe(200);
  for (const other of ['other', 'much-too-long', 'NOT-A-NAME', 'acme%20']) {
    const { status, json } = await call('GET', `/v1/tenants/${other}/things`);
    expect([status, json?.['code'], json?.['detail']]).toEqual([
      403,
      'forbidden',
      'The token has no role that allows this.',
    ]);
  }
});

test('a role that may only read cannot change anything, and the refusal names the required roles', async () => {
  const { call } = startRouter({ id: '1', name: 'eve', tenant: 'acme', roles: ['viewer'] });
  expect((await call('GET', '/v1/tenants/acme/things')).status).toBe(200);
  const { status, json } = await call('PUT', '/v1/tenants/acme/things', asJson('{"name":"a"}'));
  expect(status).toBe(403);
  expect(json?.['detail']).toContain('publisher or admin is required, and the token has viewer');
});

test.each(['POST', 'DELETE', 'PATCH', 'OPTIONS'])(
  'a request with the unsupported method %s gets 405 with the supported methods',
  async (method) => {
    const { call } = startRouter();
    const { status, headers, json } = await call(method, '/v1/tenants/acme/things');
    expect(status).toBe(405);
    expect(headers.get('allow')).toBe('HEAD, GET, PUT');
    expect(json).toMatchObject({ code: 'method_not_allowed', allow: ['HEAD', 'GET', 'PUT'] });
  },
);

test('HEAD gets the response of GET without a body', async () => {
  const { call } = startRouter();
  const { status, text, headers } = await call('HEAD', '/v1/tenants/acme/things');
  expect([status, text, headers.get('content-type')]).toEqual([200, '', 'application/json']);
});

test('an unexpected error gives a 500 response without details, and is logged with the request id', async () => {
  const { call, logged } = startRouter();
  const { status, text, json } = await call('GET', '/breaks');
  expect(status).toBe(500);
  expect(text).not.toContain('secret');
  const line = logged.find((one) => one.includes('SELECT secret'));
  expect(line).toContain(String(json?.['requestId']));
});

test('an unavailable store gives a 503 response with Retry-After, and the response does not contain the address of the store', async () => {
  const { call } = startRouter();
  const { status, headers, text } = await call('GET', '/down');
  expect([status, headers.get('retry-after')]).toEqual([503, '2']);
  expect(text).not.toContain('10.0.0.7');
});

test('the log of a request does not contain its token', async () => {
  const { call, logged } = startRouter();
  await call('GET', '/v1/tenants/acme/things');
  await call('GET', '/breaks');
  expect(logged.length).toBeGreaterThan(1);
  expect(logged.join('')).not.toContain(TOKEN);
});

test('all mistakes in the path and the query of a request are reported together, each with the name of its parameter', async () => {
  const { call } = startRouter();
  const { status, json } = await call(
    'PUT',
    '/v1/tenants/much-too-long/things?mode=z&mode=x&other=1',
    asJson('{"name":"a"}'),
  );
  expect(status).toBe(422);
  expect(json?.['errors']).toEqual([
    expect.objectContaining({ in: 'path', name: 'tenant' }),
    expect.objectContaining({ in: 'query', name: 'other' }),
    expect.objectContaining({
      in: 'query',
      name: 'mode',
      message: expect.stringContaining('more than once'),
    }),
  ]);
});

test('an invalid header gives a 400 response that names the header', async () => {
  const { call } = startRouter();
  const { status, json } = await call('PUT', '/v1/tenants/acme/things', {
    body: '{}',
    headers: { 'if-match': 'x' },
  });
  expect(status).toBe(400);
  expect(json).toMatchObject({
    code: 'malformed',
    errors: [{ in: 'header', name: 'if-match', message: 'must be digits' }],
  });
});

test.each([
  ['broken JSON', '{"name":', 400, { line: 1, column: 9 }],
  ['an unknown field', '{"name":"a","x":1}', 422, { pointer: '/x' }],
  ['a field that is too long', '{"name":"abcd"}', 422, { pointer: '/name' }],
  ['a field that is missing', '{}', 422, { pointer: '/name', message: 'this is missing' }],
  ['a duplicate key', '{"name":"a","name":"b"}', 400, { pointer: '/name' }],
  ['a bomb', '['.repeat(10_000), 400, { in: 'body' }],
  ['nothing', '', 415, null],
])(
  'a request body with %s is refused with the location of the mistake',
  async (what, body, expected, error) => {
    const { call } = startRouter();
    const { status, json } = await call(
      'PUT',
      '/v1/tenants/acme/things',
      what === 'nothing' ? {} : asJson(body),
    );
    expect(status).toBe(expected);
    if (error !== null) expect(json?.['errors']).toMatchObject([error]);
  },
);

test.each(['text/plain', 'application/json; charset=latin1', 'application/jsonx', ''])(
  'a request with the content type %j gets 415',
  async (type) => {
    const { call } = startRouter();
    const { status } = await call('PUT', '/v1/tenants/acme/things', {
      body: '{"name":"a"}',
      headers: { 'content-type': type },
    });
    expect(status).toBe(415);
  },
);

test('a request body with a content encoding gets 415', async () => {
  const { call } = startRouter();
  const headers = { 'content-type': 'application/json', 'content-encoding': 'gzip' };
  expect((await call('PUT', '/v1/tenants/acme/things', { body: '{"name":"a"}', headers })).status).toBe(415);
});

test('a request body above the size limit gets 413', async () => {
  const { call } = startRouter();
  const { status } = await call(
    'PUT',
    '/v1/tenants/acme/things',
    asJson(JSON.stringify({ name: 'x'.repeat(70_000) })),
  );
  expect(status).toBe(413);
});

test('a path parameter can have several segments', async () => {
  const { call } = startRouter();
  expect((await call('GET', '/v1/files/a/b%20c/d.txt')).json).toEqual({ path: 'a/b c/d.txt' });
});

test('every response closes its connection while the process shuts down', async () => {
  const { call, draining } = startRouter();
  draining.abort();
  expect((await call('GET', '/v1/tenants/acme/things')).headers.get('connection')).toBe('close');
});
