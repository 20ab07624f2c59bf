import { pino } from 'pino';
import { describe, expect, test } from 'vitest';

import type { Principal } from '../../../../services/api/access/access.ts';
import { eventStreamAnswer } from '../../../../services/api/responses/event-stream.ts';
import { jsonResponse } from '../../../../services/api/responses/responses.ts';
import { type Connection, NO_CONNECTION } from '../../../../services/api/http/connection.ts';
import { endpoint } from '../../../../services/api/http/endpoint.ts';
import { responseLimits } from '../../../../services/api/limits.ts';
import { responseShares } from '../../../../services/api/access/share-limits.ts';
import { Metrics } from '../../../../services/api/metrics/metrics.ts';
import { router } from '../../../../services/api/http/router.ts';
import { Shares } from '../../../../services/api/access/shares.ts';
import { eventually } from '../../../support/runs/eventually.ts';

const PUBLISHER: Principal = { id: 'token', name: 'ci', tenant: 'acme', roles: ['publisher'] };

const MiB = 1024 * 1024;
const LARGE_BYTES = 10 * MiB;

/** Starts a router with a large and a small response, without authorization. The test ends the connections. */
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
    /** The number of changes that the handlers have executed. Their requests end when `endChanges` is called. */
    changes: () => changes,
    endChanges: changed.resolve,
    sent: () => ends.splice(0).map((end) => end()),
  };
}

test('large responses that the client has not read yet use up the memory share of their caller, which is free again once they are read', async () => {
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

test('the refusal of a large response has no headers of that response, and HEAD requests and small responses do not use up the memory share', async () => {
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

test('a change that was carried out always gets its response, and a change is not carried out when no memory is left for its response', async () => {
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

describe('event streams whose clients do not read', () => {
  const EVENT_BYTES = MiB / 2;
  const principals: Readonly<Record<string, Principal>> = {
    hostile: PUBLISHER,
    second: { ...PUBLISHER, id: 'second' },
    third: { ...PUBLISHER, id: 'third', tenant: 'globex' },
  };

  /** A router with one stream, which sends two large events and ends. */
  function startStreams() {
    const responses = new Shares(responseShares);
    const draining = new AbortController().signal;
    async function* events(): AsyncGenerator<readonly Uint8Array[]> {
      for (let count = 0; count < 2; count++) yield [new Uint8Array(EVENT_BYTES)];
    }
    const streamed = endpoint({
      path: '/events',
      method: 'get',
      operationId: 'events',
      summary: '',
      description: '',
      tags: [],
      responses: {},
      may: 'read',
      whose: 'caller',
      handle: ({ signal, countUnsent }) =>
        eventStreamAnswer({ method: 'GET', signal, unsent: countUnsent() }, draining, events),
    });
    const app = router([streamed], {
      authenticate: async (authorization) => principals[authorization ?? ''] ?? PUBLISHER,
      metrics: new Metrics(),
      responses,
      log: pino({ level: 'silent' }),
      draining,
    });
    /**
     * Opens a stream as a connection does. If its client does not read, the connection holds the events that it has
     * received.
     */
    const open = async (token: string, { isRead }: { isRead: boolean }) => {
      const connection = { holds: 0, end: (): void => {} };
      const request = new Request('http://test/events', { headers: { authorization: token } });
      const { body } = await app.fetch(request, {
        ...NO_CONNECTION,
        onceSent: (end) => void (connection.end = end),
        unsent: () => connection.holds,
      });
      const reader = body!.getReader();
      const next = async (): Promise<boolean> => {
        const { done, value } = await reader.read();
        if (value instanceof Uint8Array && !isRead) connection.holds += value.byteLength;
        return !done;
      };
      return { next, end: () => connection.end() };
    };
    return { responses, open };
  }

  test('use up the memory share of their token: new streams of that token end immediately, and streams of other tokens are complete', async () => {
    const { responses, open } = startStreams();
    const unread = [];
    for (let count = 0; count < 100; count++) {
      const stream = await open('hostile', { isRead: false });
      unread.push({ stream, hasBegun: await stream.next() });
    }
    const begun = unread.filter(({ hasBegun }) => hasBegun);
    expect(begun.length * EVENT_BYTES).toBeGreaterThan(30 * MiB);
    expect(begun.length * EVENT_BYTES).toBeLessThanOrEqual(36 * MiB);
    expect(responses.held).toBe(begun.length * EVENT_BYTES);
    for (const token of ['second', 'third']) {
      const { next } = await open(token, { isRead: true });
      expect([await next(), await next(), await next()]).toEqual([true, true, false]);
    }
    // An event that was sent but not read by the client still counts after its stream has ended.
    expect(await begun[0]?.stream.next()).toBe(false);
    expect(responses.held).toBe(begun.length * EVENT_BYTES);
    for (const { stream } of unread) stream.end();
    expect(await (await open('hostile', { isRead: true })).next()).toBe(true);
  });
});
