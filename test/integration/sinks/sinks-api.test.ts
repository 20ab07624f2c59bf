import { randomBytes, randomUUID } from 'node:crypto';

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { quotaDefaults } from '../../../core/limits/storage-limits.ts';
import { findSink } from '../../../services/postgres/sinks/sinks.ts';
import { secretBox } from '../../../services/secrets/secret-box.ts';
import { signingSecrets } from '../../../services/webhooks/signing-secrets.ts';
import { startApi, type TestApi } from '../../support/processes/api.ts';
import { TEST_SECRET_KEYS } from '../../support/data/secret-keys.ts';
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
const secret = () => `whsec_${randomBytes(32).toString('base64')}`;
const box = secretBox(TEST_SECRET_KEYS);

/** The secrets with which the next event would be signed. */
async function signers(sink: string, nowMs = Date.now()): Promise<string[]> {
  const { secret: sealed, ...found } = (await findSink(store.db, tenant, sink))!;
  return signingSecrets(box, { tenant, sink }, { ...found, secret: sealed! }, nowMs);
}

describe('a webhook of a tenant', () => {
  test('is created, changed, shown, listed and deleted, and its secret is shown once at its creation', async () => {
    await published(store, { tenant, bundle: 'bundle', version: 1 });
    const made = await put('audit');
    const shown = {
      sink: 'audit',
      kind: 'webhook',
      url: URL,
      state: 'active',
      cursor: `${tenant}:1`,
      lag: 0,
      deliveredAt: null,
      failures: 0,
      failingSince: null,
      retryAt: null,
      lastError: null,
      pausedBy: null,
      pausedAt: null,
      pauseReason: null,
      previousSecretUntil: null,
      sealedUnder: 'current',
      createdBy: 'admin',
      createdAt: expect.any(String) as string,
    };
    expect([made.status, made.json]).toEqual([201, { ...shown, secret: expect.stringMatching(/^whsec_/) }]);
    expect(made.headers.get('cache-control')).toBe('no-store');
    expect(await signers('audit')).toEqual([made.json['secret']]);
    const changed = await put('audit', { url: 'http://audit.example' });
    expect([changed.status, changed.json['url'], changed.json['secret']]).toEqual([
      200,
      'http://audit.example/',
      null,
    ]);
    const found = await api.call('GET', path('audit'));
    expect(found.json).toEqual({ ...shown, url: 'http://audit.example/' });
    const listed = await api.call('GET', `/v1/tenants/${tenant}/sinks`);
    expect(listed.json['items']).toContainEqual(found.json);
    for (const { text } of [changed, found, listed]) expect(text).not.toMatch(/whsec_|v1\./);
    expect((await api.call('DELETE', path('audit'))).status).toBe(204);
    expect((await api.call('DELETE', path('audit'))).status).toBe(404);
    expect((await api.call('GET', path('audit'))).status).toBe(404);
  });

  test('shows the number of moves that it still has to deliver', async () => {
    await put('audit');
    await published(store, { tenant, bundle: 'bundle', version: 1 });
    await published(store, { tenant, bundle: 'bundle', version: 2 });
    const found = await api.call('GET', path('audit'));
    expect(found.json).toMatchObject({ state: 'active', cursor: `${tenant}:0`, lag: 2 });
  });

  test('shows that it is failing or paused', async () => {
    await put('audit');
    const set = (columns: string) =>
      store.owner.query(`UPDATE pointsman.sinks SET ${columns} WHERE tenant = $1`, [tenant]);
    await set(
      `failures = 2, failing_since = now(), retry_at = now(), last_error = 'audit.example: answered 503'`,
    );
    const failing = await api.call('GET', path('audit'));
    expect(failing.json).toMatchObject({
      state: 'failing',
      failures: 2,
      lastError: 'audit.example: answered 503',
    });
    await set(`paused_by = 'pointsman', paused_at = now(), pause_reason = 'gone'`);
    expect((await api.call('GET', path('audit'))).json).toMatchObject({
      state: 'paused',
      pausedBy: 'pointsman',
      pauseReason: 'gone',
    });
  });

  test('signs with a secret that the caller gives, which appears in no response and in no log', async () => {
    const own = secret();
    const made = await put('audit', { secret: own });
    expect([made.status, made.json['secret']]).toEqual([201, null]);
    expect(await signers('audit')).toEqual([own]);
    expect(JSON.stringify(await findSink(store.db, tenant, 'audit'))).not.toContain(own.slice(6));
    await post('audit/rotate');
    expect(api.logged.join('')).not.toMatch(/whsec_/);
    expect(api.logged.join('')).not.toContain(own.slice(6));
  });

  test('signs with one secret when the same secret is set again, and with both secrets when a new one is set', async () => {
    const [first, second] = [secret(), secret()];
    await put('audit', { secret: first });
    await put('audit', { secret: first });
    expect(await signers('audit')).toEqual([first]);
    await put('audit', { secret: second });
    expect(await signers('audit')).toEqual([second, first]);
  });

  test('signs with the old and the new secret for a day after a rotation, and the new secret is shown once', async () => {
    const before = (await put('audit')).json['secret'];
    const rotated = await post('audit/rotate');
    const after = rotated.json['secret'];
    expect([rotated.status, after]).toEqual([200, expect.stringMatching(/^whsec_/)]);
    expect(after).not.toBe(before);
    expect(await signers('audit')).toEqual([after, before]);
    const until = Date.parse(String(rotated.json['previousSecretUntil']));
    expect(await signers('audit', until - 1)).toEqual([after, before]);
    expect(await signers('audit', until)).toEqual([after]);
    const given = secret();
    expect((await post('audit/rotate', { secret: given })).json['secret']).toBeNull();
    expect(await signers('audit')).toEqual([given, after]);
  });

  test('is set once for an Idempotency-Key, and a repeated request gets 409 because the secret was already shown', async () => {
    const headers = { 'idempotency-key': randomUUID() };
    const made = await put('keyed', {}, headers);
    const again = await put('keyed', {}, headers);
    expect([again.status, again.json]).toEqual([
      409,
      expect.objectContaining({ code: 'conflict', replayed: true }),
    ]);
    expect(again.text).not.toContain('whsec_');
    expect(await signers('keyed')).toEqual([made.json['secret']]);
    expect(await put('keyed', { url: 'https://other.example' }, headers)).toMatchObject({
      status: 422,
      json: { code: 'idempotency_key_reused' },
    });
  });

  test('with a given secret gets the same response when its request is repeated, and another secret under the same idempotency key is refused', async () => {
    const headers = { 'idempotency-key': randomUUID() };
    const own = secret();
    const made = await put('keyed', { secret: own }, headers);
    const again = await put('keyed', { secret: own }, headers);
    expect([again.status, again.json]).toEqual([made.status, made.json]);
    expect(again.headers.get('idempotency-replayed')).toBe('true');
    expect(await put('keyed', { secret: secret() }, headers)).toMatchObject({
      status: 422,
      json: { code: 'idempotency_key_reused' },
    });
  });

  test('is rotated once for an Idempotency-Key', async () => {
    await put('keyed');
    const headers = { 'idempotency-key': randomUUID() };
    const rotated = await post('keyed/rotate', undefined, headers);
    const before = await signers('keyed');
    expect(before[0]).toBe(rotated.json['secret']);
    expect(await post('keyed/rotate', {}, headers)).toMatchObject({ status: 409, json: { replayed: true } });
    const given = { 'idempotency-key': randomUUID() };
    const own = secret();
    await post('keyed/rotate', { secret: own }, given);
    const repeated = await post('keyed/rotate', { secret: own }, given);
    expect([repeated.status, repeated.headers.get('idempotency-replayed')]).toEqual([200, 'true']);
    expect(await signers('keyed')).toEqual([own, before[0]]);
  });

  test.each([
    ['an address that is not an HTTP address', { url: 'ftp://audit.example' }, '/webhook/url'],
    ['an invalid address', { url: 'audit' }, '/webhook/url'],
    ['an address with a user', { url: 'https://ann@audit.example' }, '/webhook/url'],
    ['an address with a password', { url: 'https://:secret@audit.example' }, '/webhook/url'],
    ['an address with a fragment', { url: 'https://audit.example/#x' }, '/webhook/url'],
    ['an address that is too long', { url: `https://audit.example/${'x'.repeat(2_000)}` }, '/webhook/url'],
    ['a secret without its prefix', { secret: randomBytes(32).toString('base64') }, '/webhook/secret'],
    [
      'a secret that is too short',
      { secret: `whsec_${randomBytes(16).toString('base64')}` },
      '/webhook/secret',
    ],
    ['an unknown field', { color: 'red' }, '/webhook/color'],
  ])('with %s is refused', async (_what, over, pointer) => {
    const refused = await put('wrong', over);
    expect(refused).toMatchObject({ status: 422, json: { errors: [{ pointer }] } });
    expect((await api.call('GET', path('wrong'))).status).toBe(404);
  });

  test.each(['redis', 'rabbitmq'])(
    'cannot have the reserved name %s, which no request can set, rotate or delete',
    async (name) => {
      for (const answer of [
        await put(name),
        await post(`${name}/rotate`),
        await post(`${name}/redeliver`, { seq: 1 }),
        await api.call('DELETE', path(name)),
        await api.call('GET', path(`${name}/attempts`)),
      ]) {
        expect(answer).toMatchObject({ status: 422, json: { errors: [{ in: 'path', name: 'sink' }] } });
      }
    },
  );

  test('is refused with 429 above the quota of sinks, and existing webhooks can still be changed', async () => {
    for (let made = 0; made < quotaDefaults.sinks; made++) {
      expect((await put(`s${made}`)).status).toBe(201);
    }
    expect(await put('one-more')).toMatchObject({
      status: 429,
      json: { code: 'quota_exceeded', quota: { quota: 'sinks', used: 20, limit: 20 } },
    });
    expect((await put('s0')).status).toBe(200);
  });

  test('of an unknown tenant is not created', async () => {
    const address = '/v1/tenants/nobody/sinks';
    expect((await api.call('PUT', `${address}/x`, { json: { webhook: { url: URL } } })).status).toBe(404);
    expect((await api.call('GET', address)).status).toBe(404);
    expect((await api.call('GET', `${address}/redis`)).status).toBe(404);
  });

  test('cannot be set while the API has no secret key', async () => {
    const without = await startApi({
      appUrl: store.postgres.appUrl,
      ingressUrl: NO_RESTATE,
      secretKeys: null,
    });
    try {
      const answer = await without.call('PUT', path('audit'), { json: { webhook: { url: URL } } });
      expect(answer).toMatchObject({ status: 422, json: { code: 'no_secret_key' } });
      await put('audit');
      expect((await without.call('GET', path('audit'))).json['sealedUnder']).toBe('lost');
      expect((await without.call('POST', path('audit/rotate'))).json['code']).toBe('no_secret_key');
    } finally {
      await without.stop();
    }
  });
});
