import { randomUUID } from 'node:crypto';

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { startApi, type TestApi } from '../../support/processes/api.ts';
import { newTenant, published, startStore, type Store } from '../../support/worlds/store.ts';

/** Restate is unreachable, so no sink delivers and every setting stays as recorded. */
const NO_RESTATE = 'http://127.0.0.1:1';
const URL = 'https://audit.example/pointsman?for=acme';

let store: Store;
let api: TestApi;
let tenant: string;

beforeAll(async () => {
  store = await startStore();
  api = await startApi({ appUrl: store.postgres.appUrl, ingressUrl: NO_RESTATE, brokers: ['redis'] });
});
beforeEach(async () => {
  tenant = await newTenant(store);
});
afterAll(async () => {
  await api.stop();
  await store.stop();
});

const path = (sink: string) => `/v1/tenants/${tenant}/sinks/${sink}`;
const put = (sink: string, webhook: object = {}, headers: Record<string, string> = {}) =>
  api.call('PUT', path(sink), { json: { webhook: { url: URL, ...webhook } }, headers });
const post = (address: string, json?: object, headers: Record<string, string> = {}) =>
  api.call('POST', path(address), { ...(json === undefined ? {} : { json }), headers });
describe('access to the sinks of a tenant', () => {
  const token = async (of: string, role: string): Promise<Record<string, string>> => {
    const json = { name: `${role}-${randomUUID()}`, tenant: of, roles: [role] };
    const made = await api.call('POST', '/v1/tokens', { json });
    return { authorization: `Bearer ${String(made.json['token'])}` };
  };
  /**
   * Every operation on sinks, with the status that an admin gets. Operations that need a running sink get 503,
   * because Restate is unreachable.
   */
  const calls = [
    ['GET', '', undefined, 200],
    ['GET', '/audit', undefined, 200],
    ['GET', '/audit/attempts', undefined, 200],
    ['PUT', '/audit', { webhook: { url: URL } }, 200],
    ['POST', '/audit/rotate', {}, 200],
    ['POST', '/audit/pause', {}, 503],
    ['POST', '/audit/resume', {}, 503],
    ['POST', '/audit/replay', { after: '' }, 503],
    ['POST', '/audit/test', {}, 503],
    ['POST', '/audit/redeliver', { seq: 1 }, 503],
    ['DELETE', '/audit', undefined, 204],
  ] as const;
  const statusesFor = async (headers: Record<string, string>): Promise<number[]> => {
    const statuses: number[] = [];
    for (const [method, rest, json] of calls) {
      const own = json !== undefined && 'after' in json ? { after: `${tenant}:0` } : json;
      const asked = own === undefined ? { headers } : { headers, json: own };
      statuses.push((await api.call(method, `/v1/tenants/${tenant}/sinks${rest}`, asked)).status);
    }
    return statuses;
  };

  test('lets every role read, and only an admin change', async () => {
    await put('audit');
    for (const role of ['viewer', 'publisher', 'approver', 'follower']) {
      const looks = calls.map(([method]) => (method === 'GET' ? 200 : 403));
      expect([role, await statusesFor(await token(tenant, role))]).toEqual([role, looks]);
    }
    expect(await statusesFor(await token(tenant, 'admin'))).toEqual(calls.map(([, , , status]) => status));
  });

  test('is refused to an admin of another tenant', async () => {
    await put('audit');
    const other = await newTenant(store);
    expect(await statusesFor(await token(other, 'admin'))).toEqual(calls.map(() => 403));
  });
});

describe('the sinks of a tenant', () => {
  test('are listed by name in pages, including the broker sinks of the platform before any delivery', async () => {
    await published(store, { tenant, bundle: 'bundle', version: 1 });
    await put('audit');
    await put('zebra');
    const first = await api.call('GET', `/v1/tenants/${tenant}/sinks?limit=2`);
    const items = first.json['items'] as { sink: string }[];
    expect(items.map(({ sink }) => sink)).toEqual(['audit', 'redis']);
    expect(items[1]).toMatchObject({ kind: 'redis', url: null, lag: 1, cursor: `${tenant}:0` });
    const rest = await api.call('GET', `/v1/tenants/${tenant}/sinks?cursor=${String(first.json['next'])}`);
    expect(rest.json).toMatchObject({ items: [{ sink: 'zebra' }], next: null });
    expect((await api.call('GET', path('redis'))).json).toEqual(items[1]);
    expect((await api.call('GET', path('rabbitmq'))).status).toBe(404);
  });

  test('have their delivery attempts listed in pages, newest first', async () => {
    await put('audit');
    await store.owner.query(
      `INSERT INTO pointsman.webhook_attempts (tenant, sink, seq, event, delivered, status, summary, took_ms, at)
       SELECT $1, 'audit', n, 'event-' || n, false, 503, 'audit.example: answered 503', 5, now() FROM generate_series(1, 3) n`,
      [tenant],
    );
    const first = await api.call('GET', path('audit/attempts?limit=2'));
    expect(first.json).toMatchObject({
      items: [{ seq: 3, event: 'event-3', delivered: false, status: 503, tookMs: 5 }, { seq: 2 }],
    });
    const rest = await api.call('GET', path(`audit/attempts?cursor=${String(first.json['next'])}`));
    expect(rest.json).toMatchObject({ items: [{ seq: 1 }], next: null });
    expect((await api.call('GET', path('none/attempts'))).status).toBe(404);
  });

  test('are not replayed with a cursor of another tenant, and each operation on a sink that does not exist gets 404', async () => {
    await put('audit');
    expect(await post('audit/replay', { after: 'other:1' })).toMatchObject({
      status: 422,
      json: { code: 'foreign_cursor' },
    });
    expect((await post('audit/replay', { after: '17' })).json['code']).toBe('invalid_request');
    for (const [how, body] of [
      ['pause', {}],
      ['resume', {}],
      ['replay', { after: `${tenant}:1` }],
      ['test', {}],
      ['redeliver', { seq: 1 }],
    ] as const) {
      expect([how, (await post(`none/${how}`, body)).status]).toEqual([how, 404]);
      expect([how, (await post(`audit/${how}`, { ...body, color: 'red' })).status]).toEqual([how, 422]);
    }
  });

  test('cannot be controlled while Restate is unreachable, and the API returns 503', async () => {
    await put('audit');
    expect(await post('audit/pause')).toMatchObject({ status: 503, json: { code: 'unavailable' } });
  });
});
