import { pino } from 'pino';
import { expect, test } from 'vitest';

import type { Principal } from '../../../services/api/access/access.ts';
import { jsonResponse } from '../../../services/api/responses/responses.ts';
import { type Connection, NO_CONNECTION } from '../../../services/api/http/connection.ts';
import { endpoint } from '../../../services/api/http/endpoint.ts';
import { responseLimits, responseShares } from '../../../services/api/limits.ts';
import { Metrics } from '../../../services/api/metrics/metrics.ts';
import { router } from '../../../services/api/http/router.ts';
import { Shares } from '../../../services/api/access/shares.ts';
import { eventually } from '../../support/runs/eventually.ts';

const PUBLISHER: Principal = { id: 'token', name: 'ci', tenant: 'acme', roles: ['publisher'] };

const LARGE_BYTES = 10 * 1024 * 1024;

/** One large response and one small, open to all, of a router whose connections the test ends. */
function startRouter() {
  const answers = (path: string, bytes: number) =>
    endpoint({
      path,
      method: 'get',
      operationId: path,
      summary: '',
      description: '',
      tags: [],
      responses: {},
      may: null,
      handle: () => jsonResponse({ text: 'x'.repeat(bytes) }, 200, { etag: '"large"' }),
    });
  const ends: (() => void)[] = [];
  const connection: Connection = { ...NO_CONNECTION, onceSent: (end) => void ends.push(end) };
  const responses = new Shares(responseShares);
  let changes = 0;
  const changed = Promise.withResolvers<void>();
  const change = endpoint({
    path: '/change',
    method: 'put',
    operationId: 'change',
    summary: '',
    description: '',
    tags: [],
    responses: {},
    may: 'read',
    whose: 'caller',
    handle: async () => {
      changes++;
      await changed.promise;
      return jsonResponse({ text: 'x'.repeat(64 * 1024) }, 200);
    },
  });
  const app = router([answers('/large', LARGE_BYTES), answers('/small', 100), change], {
    authenticate: () => Promise.resolve(PUBLISHER),
    metrics: new Metrics(),
    responses,
    log: pino({ level: 'silent' }),
    draining: new AbortController().signal,
  });
  const call = async (method: string, path: string): Promise<Response> =>
    app.fetch(new Request(`http://test${path}`, { method }), connection);
  return {
    call,
    responses,
    /** How many were carried out; they end when `endChanges` was called. */
    changes: () => changes,
    endChanges: changed.resolve,
    sent: () => ends.splice(0).map((end) => end()),
  };
}

test('large responses that were not taken yet exhaust the share of their caller, and it is free again when they were', async () => {
  const { call, sent } = startRouter();
  const statuses = async (): Promise<number[]> => {
    const responses: Response[] = [];
    for (let count = 0; count < 5; count++) responses.push(await call('GET', '/large'));
    return responses.map(({ status }) => status);
  };
  expect(await statuses()).toEqual([200, 200, 200, 429, 429]);
  sent();
  expect(await statuses()).toEqual([200, 200, 200, 429, 429]);
});

test('the refusal that takes the place of a large response has none of its headers, and HEAD and small responses are not counted', async () => {
  const { call } = startRouter();
  for (let count = 0; count < 5; count++) expect((await call('HEAD', '/large')).status).toBe(200);
  for (let count = 0; count < 3; count++) await call('GET', '/large');
  const refused = await call('GET', '/large');
  const problem = (await refused.json()) as Record<string, unknown>;
  expect([refused.status, problem['code'], refused.headers.get('retry-after')]).toEqual([429, 'busy', '2']);
  expect(refused.headers.get('etag')).toBeNull();
  expect(refused.headers.get('x-request-id')).toBe(problem['requestId']);
  expect((await call('GET', '/small')).status).toBe(200);
});

test('the response to a change that was carried out is never replaced, and a change for whose response there is no room is not carried out', async () => {
  const { call, changes, endChanges, responses, sent } = startRouter();
  const holder = [PUBLISHER.tenant ?? '', PUBLISHER.id];
  const others = responses.open(holder);
  others.take(responses.room(holder) - responseLimits.changeBytes);
  const underWay = Array.from({ length: 8 }, () => call('PUT', '/change'));
  await eventually(async () => changes() === 8, { what: 'eight changes are carried out' });
  endChanges();
  const responded = await Promise.all(underWay);
  expect(responded.map(({ status }) => status)).toEqual(Array(8).fill(200));
  expect((await call('PUT', '/change')).status).toBe(429);
  expect(changes()).toBe(8);
  sent();
  expect((await call('PUT', '/change')).status).toBe(200);
});
