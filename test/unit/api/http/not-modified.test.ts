import { once } from 'node:events';
import { createServer, type IncomingMessage, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { PointsmanError } from '../../../../packages/protocol/errors.ts';
import type { Pointer } from '../../../../packages/protocol/moves/pointer.ts';
import type { Principal } from '../../../../services/api/access/access.ts';
import { Metrics } from '../../../../services/api/metrics/metrics.ts';
import { notModified } from '../../../../services/api/channels/not-modified.ts';

/** A fake router responds with this status, which shows that it got the request. */
const ROUTERS = 418;

const PATH = '/v1/tenants/acme/bundles/bot/channels/live';
const pointer: Pointer = {
  version: 12,
  digest: `sha256:${'a'.repeat(64)}`,
  generation: 17,
  hold: null,
  movedAt: '2026-03-01T12:00:00.120Z',
};
const viewer: Principal = { id: 't1', name: 'viewer', tenant: 'acme', roles: ['viewer'] };
const plain = { authorization: 'Bearer token', 'if-none-match': '"17"' };

let server: Server;
let known: () => Promise<Principal>;
let found: () => Promise<Pointer | null>;
let principal: Principal;
let drain: AbortController;
let lines: Record<string, unknown>[];
let metrics: Metrics;

beforeEach(async () => {
  known = () => Promise.resolve(principal);
  found = () => Promise.resolve(pointer);
  principal = viewer;
  drain = new AbortController();
  lines = [];
  metrics = new Metrics();
  const early = notModified({
    authenticate: (authorization) =>
      authorization === plain.authorization
        ? known()
        : Promise.reject(new PointsmanError('unauthenticated', 'who?')),
    readPointer: () => found(),
    metrics,
    log: pino({}, { write: (line: string) => void lines.push(JSON.parse(line) as Record<string, unknown>) }),
    draining: drain.signal,
  });
  server = createServer((incoming, outgoing) => {
    const pass = (): unknown => outgoing.writeHead(ROUTERS).end();
    const answered = early(incoming, outgoing);
    if (answered === null) pass();
    else void answered.then((isAnswered) => (isAnswered ? null : pass()));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterEach(async () => {
  server.close();
  server.closeAllConnections();
  await once(server, 'close').catch(() => {});
});

async function ask(
  headers: Record<string, string> = plain,
  { path = PATH, method = 'GET', body }: { path?: string; method?: string; body?: string } = {},
) {
  const { port } = server.address() as AddressInfo;
  const asked = request({ host: '127.0.0.1', port, path, method, headers });
  asked.end(body);
  const [answer] = (await once(asked, 'response')) as [IncomingMessage];
  const { statusCode, headers: answered } = answer;
  return { statusCode, headers: answered, text: await text(answer) };
}

test('a conditional GET of a pointer that has not moved gets a 304 response, and is logged and counted', async () => {
  const answer = await ask({ ...plain, 'x-request-id': 'mine' });
  expect(answer.statusCode).toBe(304);
  expect(answer.headers).toMatchObject({
    etag: '"17"',
    vary: 'accept',
    'cache-control': 'private, no-cache',
    'x-content-type-options': 'nosniff',
    'x-request-id': 'mine',
  });
  expect(lines).toMatchObject([
    {
      msg: 'answered',
      status: 304,
      by: 'viewer',
      tenant: 'acme',
      bundle: 'bot',
      channel: 'live',
      requestId: 'mine',
    },
  ]);
  expect(await metrics.text()).toContain(
    'pointsman_http_requests_total{method="GET",route="/v1/tenants/{tenant}/bundles/{bundle}/channels/{channel}",status="304"} 1\n',
  );
});

test('a 304 response that bypasses the router closes its connection while the process shuts down', async () => {
  drain.abort();
  expect((await ask()).headers.connection).toBe('close');
});

describe('the shortcut for conditional GETs leaves to the router, without logging or counting it,', () => {
  test.each<[string, Record<string, string>, { path?: string; method?: string; body?: string }?]>([
    ['a request without a token', { 'if-none-match': '"17"' }],
    ['a request with an unknown token', { ...plain, authorization: 'Bearer other' }],
    ['a request without a tag', { authorization: plain.authorization }],
    ['a request with an older tag', { ...plain, 'if-none-match': '"16"' }],
    ['a request with a list of tags', { ...plain, 'if-none-match': '"16", "17"' }],
    ['a request with a weak tag', { ...plain, 'if-none-match': 'W/"17"' }],
    ['a request for an event stream', { ...plain, accept: 'text/event-stream' }],
    ['a request that waits', plain, { path: `${PATH}?wait=10s` }],
    ['a request for another path', plain, { path: `${PATH}/moves` }],
    ['a request with a name in another spelling', plain, { path: PATH.replace('live', '%6Cive') }],
    ['a HEAD request', plain, { method: 'HEAD' }],
    ['a GET request with a body', { ...plain, 'content-length': '2' }, { body: '{}' }],
  ])('%s', async (_what, headers, more) => {
    expect((await ask(headers, more)).statusCode).toBe(ROUTERS);
    expect(lines).toEqual([]);
  });

  test('a request with a token of another tenant', async () => {
    principal = { ...viewer, tenant: 'globex' };
    expect((await ask()).statusCode).toBe(ROUTERS);
  });

  test('a request for an unknown pointer', async () => {
    found = () => Promise.resolve(null);
    expect((await ask()).statusCode).toBe(ROUTERS);
  });
});

test.each(['the token', 'the pointer'])(
  'a conditional GET gets 503 after one attempt when the store for %s is unavailable, because the router would wait as long again',
  async (what) => {
    let asked = 0;
    const away = () => {
      asked++;
      return Promise.reject(new PointsmanError('unavailable', 'the database does not answer'));
    };
    if (what === 'the pointer') found = away;
    else known = away;
    const answer = await ask({ ...plain, 'x-request-id': 'mine' });
    expect(asked).toBe(1);
    expect(answer.statusCode).toBe(503);
    expect(answer.headers).toMatchObject({
      'content-type': 'application/problem+json',
      'retry-after': '2',
      'x-content-type-options': 'nosniff',
      'x-request-id': 'mine',
    });
    expect(JSON.parse(answer.text)).toMatchObject({ code: 'unavailable', instance: PATH, requestId: 'mine' });
    expect(lines).toMatchObject([{ msg: 'failed', status: 503, code: 'unavailable', tenant: 'acme' }]);
    expect(await metrics.text()).toContain('status="503"} 1\n');
  },
);
