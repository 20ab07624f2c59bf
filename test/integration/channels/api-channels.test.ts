import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';

import { digestOf } from '../../../packages/protocol/digest.ts';
import { startApi, type TestAnswer, type TestApi } from '../../support/processes/api.ts';
import {
  accepted,
  type ControlPlane,
  newTenant,
  settled,
  sharedControlPlane,
} from '../../support/worlds/control-plane.ts';
import { eventually } from '../../support/runs/eventually.ts';
import { as, madeToken } from '../../support/data/tokens.ts';

let plane: ControlPlane;
let api: TestApi;
let tenant: string;

beforeAll(async () => {
  plane = await sharedControlPlane();
  api = await startApi({ appUrl: plane.postgres.appUrl, ingressUrl: plane.restate.ingressUrl });
});
beforeEach(async () => {
  tenant = await newTenant(plane);
});
afterAll(async () => {
  await api.stop();
});

const channel = (name = 'live'): string => `/v1/tenants/${tenant}/bundles/bundle/channels/${name}`;

async function published(text: string): Promise<number> {
  const version = await accepted(plane, tenant, { files: { 'config.json': text } });
  await settled(plane, tenant, version);
  return version;
}

async function metric(name: string): Promise<number> {
  const { text } = await api.call('GET', '/metrics');
  return Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(text)?.[1]);
}

test('the ETag of a pointer is its generation, and a conditional request with the current ETag gets 304', async () => {
  await published('{"n":1}');
  const first = await api.call('GET', channel());
  expect([first.status, first.headers.get('etag')]).toEqual([200, '"1"']);
  const same = await api.call('GET', channel(), { headers: { 'if-none-match': 'W/"1"' } });
  expect([same.status, same.text, same.headers.get('etag')]).toEqual([304, '', '"1"']);
  await published('{"n":2}');
  expect((await api.call('GET', channel(), { headers: { 'if-none-match': '"1"' } })).json).toMatchObject({
    generation: 2,
  });
});

test('a conditional request for an unchanged or moved pointer, or with a revoked token, gets the same response whether the API answers it before or after routing', async () => {
  await published('{"n":1}');
  const made = await madeToken(api, { name: 'polls', tenant, roles: ['follower'] });
  const ask = (tag: string) =>
    api.call('GET', channel(), as(made.token, { headers: { 'if-none-match': tag } }));
  // A weak tag reaches the router, while a strong tag is answered by the early responder. Both must get the same
  // response.
  const both = async () => [await ask('"1"'), await ask('W/"1"')] as const;
  const own = new Set(['date', 'x-request-id', 'traceparent']);
  const seen = ({ status, headers, text }: TestAnswer) => [
    status,
    [...headers].filter(([name]) => !own.has(name)),
    text,
  ];
  const before = api.logged.length;
  const [plain, routed] = await both();
  expect(plain.status).toBe(304);
  expect(seen(plain)).toEqual(seen(routed));
  for (const name of own) expect(plain.headers.has(name), name).toBe(true);
  const lines = api.logged.slice(before).map((line) => JSON.parse(line) as Record<string, unknown>);
  const what = lines.map(({ time: _time, ms: _ms, requestId: _id, trace: _trace, ...rest }) => rest);
  expect(what).toHaveLength(2);
  expect(what[0]).toEqual(what[1]);

  await published('{"n":2}');
  const moved = await both();
  expect(moved.map(({ status, json }) => [status, json['generation']])).toEqual([
    [200, 2],
    [200, 2],
  ]);
  expect((await api.call('DELETE', `/v1/tokens/${made.id}`)).status).toBe(204);
  expect((await both()).map(({ status }) => status)).toEqual([401, 401]);
});

test('a long-poll for a pointer gets the pointer when it moves, and 304 when it does not move in time', async () => {
  await published('{"n":1}');
  const waiting = api.call('GET', `${channel()}?wait=55s`, { headers: { 'if-none-match': '"1"' } });
  await eventually(async () => (await metric('pointsman_waiting_readers')) === 1, {
    what: 'the reader waits',
  });
  await published('{"n":2}');
  expect((await waiting).json).toMatchObject({ version: 2, generation: 2 });
  const nothing = await api.call('GET', `${channel()}?wait=1s`, { headers: { 'if-none-match': '"2"' } });
  expect([nothing.status, nothing.headers.get('etag')]).toEqual([304, '"2"']);
  expect(await metric('pointsman_waiting_readers')).toBe(0);
});

test('a client that disconnects during a long-poll for a pointer no longer counts as a waiting reader', async () => {
  await published('{"n":1}');
  const gone = new AbortController();
  const waiting = api.call('GET', `${channel()}?wait=55s`, {
    headers: { 'if-none-match': '"1"' },
    signal: gone.signal,
  });
  await eventually(async () => (await metric('pointsman_waiting_readers')) === 1, {
    what: 'the reader waits',
  });
  gone.abort();
  await expect(waiting).rejects.toThrow('aborted');
  await eventually(async () => (await metric('pointsman_waiting_readers')) === 0, {
    what: 'the place is free',
  });
});

test('five hundred long-polls for one pointer all get the same move', async () => {
  await published('{"n":1}');
  const waiting = Array.from({ length: 500 }, () =>
    api.call('GET', `${channel()}?wait=55s`, { headers: { 'if-none-match': '"1"' } }),
  );
  await eventually(async () => (await metric('pointsman_waiting_readers')) === 500, { what: 'all wait' });
  await published('{"n":2}');
  const generations = (await Promise.all(waiting)).map(({ json }) => json['generation']);
  expect(new Set(generations)).toEqual(new Set([2]));
});

test.each(['60s', '30', '1m', '-1s', 's'])(
  'a long-poll for a pointer is refused with the invalid parameter wait=%s',
  async (wait) => {
    const { status, json } = await api.call('GET', `${channel()}?wait=${wait}`);
    expect([status, json['code']]).toEqual([422, 'invalid_request']);
  },
);

test('a PUT to a pointer rolls it back without compiling, and can set a hold in the same request', async () => {
  await published('{"n":1}');
  await published('{"n":2}');
  const back = await api.call('PUT', channel(), {
    json: { version: 1, hold: 'v2 is wrong' },
    headers: { 'if-match': '"2"' },
  });
  expect(back.status).toBe(200);
  expect(back.json).toMatchObject({
    version: 1,
    generation: 3,
    hold: { reason: 'v2 is wrong', by: 'admin' },
  });
  expect(back.headers.get('etag')).toBe('"3"');
  expect((await api.call('GET', `${channel()}/files/config.json`)).text).toBe('{"n":1}');
  const refused = await api.call('PUT', channel(), { json: { version: 2 } });
  expect([refused.status, refused.json['code']]).toEqual([423, 'held']);
  expect((await api.call('DELETE', `${channel()}/hold`)).json).toMatchObject({ hold: null, generation: 3 });
  const { json } = await api.call('GET', `${channel()}/moves`);
  expect(json['items']).toMatchObject([
    { generation: 3, from: { version: 2 }, to: { version: 1 }, by: 'admin', why: 'v2 is wrong' },
    { generation: 2, from: { version: 1 }, to: { version: 2 } },
    { generation: 1, from: null, to: { version: 1 } },
  ]);
});

test('a move by hand runs once for an idempotency key, and the key is refused for another move', async () => {
  await published('{"n":1}');
  await published('{"n":2}');
  const key = { 'idempotency-key': 'back' };
  await api.call('PUT', channel(), { json: { version: 1 }, headers: key });
  await api.call('PUT', channel(), { json: { version: 2 } });
  const again = await api.call('PUT', channel(), { json: { version: 1 }, headers: key });
  expect([again.status, again.headers.get('idempotency-replayed')]).toEqual([200, 'true']);
  expect((await api.call('GET', channel())).json).toMatchObject({ version: 2, generation: 4 });
  const other = await api.call('PUT', channel(), { json: { version: 2 }, headers: key });
  expect([other.status, other.json['code']]).toEqual([422, 'idempotency_key_reused']);
});

test('the API does not move a pointer for a stale If-Match, nor to a release that does not exist', async () => {
  await published('{"n":1}');
  const stale = await api.call('PUT', channel(), { json: { version: 1 }, headers: { 'if-match': '"7"' } });
  expect(stale.status).toBe(412);
  expect(stale.json).toMatchObject({ code: 'pointer_moved', pointer: { generation: 1 } });
  const missing = await api.call('PUT', channel(), { json: { version: 9 } });
  expect([missing.status, missing.json['code']]).toEqual([404, 'not_found']);
  expect((await api.call('GET', `${channel()}/moves`)).json['items']).toHaveLength(1);
});

test('a promotion points another channel to a release that is already published', async () => {
  await published('{"n":1}');
  const promoted = await api.call('PUT', channel('staging'), { json: { version: 1, createChannel: true } });
  expect(promoted.json).toMatchObject({ version: 1, generation: 1 });
  const { json } = await api.call('GET', `/v1/tenants/${tenant}/bundles/bundle/channels`);
  expect(json['items']).toMatchObject([
    { channel: 'live', version: 1 },
    { channel: 'staging', version: 1 },
  ]);
});

test('a publish to a held pointer is refused and does not use up a version number', async () => {
  await published('{"n":1}');
  await api.call('PUT', `${channel()}/hold`, { json: { reason: 'freeze' } });
  const body = { json: { files: { 'config.json': '{"n":2}' } } };
  const refused = await api.call('POST', `/v1/tenants/${tenant}/bundles/bundle/releases`, body);
  expect([refused.status, refused.json['reason']]).toEqual([423, 'freeze']);
  await api.call('DELETE', `${channel()}/hold`);
  expect((await api.call('POST', `/v1/tenants/${tenant}/bundles/bundle/releases`, body)).json).toMatchObject({
    version: 2,
  });
  await settled(plane, tenant, 2);
});

test('a blob matches its digest, is served as immutable, and is available only to its own tenant', async () => {
  await published('{ "n": 1 }');
  const { json: pointer } = await api.call('GET', channel());
  const manifest = await api.call('GET', `/v1/tenants/${tenant}/artifacts/${String(pointer['digest'])}`);
  expect(digestOf(manifest.text)).toBe(pointer['digest']);
  expect(manifest.headers.get('content-type')).toBe('application/vnd.oci.image.manifest.v1+json');
  const [layer] = manifest.json['layers'] as { digest: string; mediaType: string; size: number }[];
  const address = `/v1/tenants/${tenant}/blobs/${layer?.digest}`;
  const blob = await api.call('GET', address);
  expect(digestOf(blob.text)).toBe(layer?.digest);
  expect(blob.headers.get('content-type')).toBe(layer?.mediaType);
  expect(blob.headers.get('cache-control')).toBe('private, max-age=31536000, immutable');
  expect(blob.headers.get('x-content-type-options')).toBe('nosniff');
  const known = await api.call('GET', address, {
    headers: { 'if-none-match': blob.headers.get('etag') ?? '' },
  });
  expect([known.status, known.text]).toEqual([304, '']);
  const head = await api.call('HEAD', address);
  expect([head.status, head.text, head.headers.get('content-length')]).toEqual([
    200,
    '',
    String(layer?.size),
  ]);
  const other = await newTenant(plane);
  expect((await api.call('GET', address.replace(tenant, other))).status).toBe(404);
  expect((await api.call('GET', address, { headers: { authorization: '' } })).status).toBe(401);
});

test('the API lists the bundles of a tenant, and returns 404 for a channel or bundle that does not exist', async () => {
  await published('{"n":1}');
  expect((await api.call('GET', `/v1/tenants/${tenant}/bundles`)).json).toMatchObject({
    items: [{ bundle: 'bundle' }],
    next: null,
  });
  for (const path of [channel('none'), `${channel('none')}/moves`, `${channel('none')}/files/config.json`]) {
    expect([path, (await api.call('GET', path)).status]).toEqual([path, 404]);
  }
  const hold = await api.call('PUT', `/v1/tenants/${tenant}/bundles/none/channels/live/hold`, {
    json: { reason: 'x' },
  });
  expect([hold.status, hold.json['detail']]).toEqual([404, `The tenant "${tenant}" has no bundle "none".`]);
});
