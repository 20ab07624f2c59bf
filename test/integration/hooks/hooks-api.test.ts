import { randomUUID } from 'node:crypto';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { findHook } from '../../../services/postgres/hooks/hooks.ts';
import { secretBox } from '../../../services/secrets/secret-box.ts';
import { newWebhookSecret } from '../../../packages/protocol/webhooks/webhook-secret.ts';
import { startApi, type TestApi } from '../../support/processes/api.ts';
import { TEST_SECRET_KEYS } from '../../support/data/secret-keys.ts';
import { newTenant, startStore, type Store } from '../../support/worlds/store.ts';

/** Restate is unreachable, so no workflow starts and a delivery stays recorded as received. */
const NO_RESTATE = 'http://127.0.0.1:1';
const SECRET = 'sixteen-letters-';

let store: Store;
let api: TestApi;
let tenant: string;

beforeAll(async () => {
  store = await startStore();
  api = await startApi({ appUrl: store.postgres.appUrl, ingressUrl: NO_RESTATE });
  tenant = await newTenant(store);
});
afterAll(async () => {
  await api.stop();
  await store.stop();
});

const rule = {
  provider: 'github',
  repository: 'octo/bot',
  ref: 'refs/heads/main',
  bundle: 'bundle',
  secret: SECRET,
};
const path = (hook: string) => `/v1/tenants/${tenant}/hooks/${hook}`;
const put = (hook: string, over: object = {}, headers: Record<string, string> = {}) =>
  api.call('PUT', path(hook), { json: { ...rule, ...over }, headers });

test('a hook that is changed to the generic provider does not keep the secret of its earlier provider', async () => {
  await put('changed');
  const { secret: _secret, ...kept } = { ...rule, provider: 'generic', repository: 'bot' };
  const answer = await api.call('PUT', path('changed'), { json: kept });
  expect(answer).toMatchObject({ status: 422, json: { errors: [{ pointer: '/secret' }] } });
  expect((await put('changed', { ...kept, secret: newWebhookSecret() })).status).toBe(200);
  expect((await api.call('PUT', path('changed'), { json: kept })).status).toBe(200);
});

describe('a hook of a tenant', () => {
  test('is created, replaced, shown, listed and deleted, and does not show its secret', async () => {
    const made = await put('shown', {
      token: 'ghs_token',
      apiUrl: 'https://git.example/api/v3',
      path: 'config',
    });
    const shown = {
      hook: 'shown',
      provider: 'github',
      repository: 'octo/bot',
      ref: 'refs/heads/main',
      path: 'config',
      bundle: 'bundle',
      channel: 'live',
      apiUrl: 'https://git.example/api/v3',
      tokenSet: true,
      sealedUnder: 'current',
      deliverTo: `${path('shown')}/deliveries`,
      createdBy: 'admin',
    };
    expect([made.status, made.json]).toEqual([201, expect.objectContaining(shown)]);
    const replaced = await put('shown', { channel: 'staging', token: null });
    expect([replaced.status, replaced.json]).toEqual([
      200,
      expect.objectContaining({ channel: 'staging', path: null, apiUrl: null, tokenSet: false }),
    ]);
    expect((await api.call('GET', path('shown'))).json).toEqual(replaced.json);
    const listed = await api.call('GET', `/v1/tenants/${tenant}/hooks`);
    expect(listed.json['items']).toContainEqual(replaced.json);
    for (const { text } of [made, replaced, listed]) expect(text).not.toMatch(/sixteen|ghs_token|v1\./);
    expect((await api.call('DELETE', path('shown'))).status).toBe(204);
    expect((await api.call('DELETE', path('shown'))).status).toBe(404);
    expect((await api.call('GET', path('shown'))).status).toBe(404);
  });

  test('stores its secrets encrypted, and they can be decrypted for this hook only', async () => {
    await put('sealed', { token: 'ghs_token', apiUrl: 'https://git.example' });
    const found = await findHook(store.db, tenant, 'sealed');
    expect(JSON.stringify(found)).not.toMatch(/sixteen|ghs_token/);
    const box = secretBox(TEST_SECRET_KEYS);
    expect(box.open(found!.secret, { tenant, hook: 'sealed', field: 'secret' })).toBe(SECRET);
    expect(() => box.open(found!.secret, { tenant, hook: 'other', field: 'secret' })).toThrow(
      'the secret belongs to another owner',
    );
  });

  test('can be changed without sending its secrets again, except that a new API address requires the token', async () => {
    const { secret: _secret, ...withoutSecret } = rule;
    expect(await api.call('PUT', path('kept'), { json: withoutSecret })).toMatchObject({
      status: 422,
      json: { errors: [{ pointer: '/secret' }] },
    });
    await put('kept', { token: 'ghs_token' });
    const moved = { ...withoutSecret, apiUrl: 'https://evil.example' };
    expect(await api.call('PUT', path('kept'), { json: moved })).toMatchObject({
      status: 422,
      json: { errors: [{ pointer: '/token' }] },
    });
    const changed = await api.call('PUT', path('kept'), { json: { ...withoutSecret, ref: 'refs/tags/*' } });
    expect([changed.status, changed.json['tokenSet']]).toEqual([200, true]);
  });

  test('is set once for an Idempotency-Key, and another secret under the same key is refused', async () => {
    const headers = { 'idempotency-key': randomUUID() };
    expect((await put('keyed', {}, headers)).status).toBe(201);
    const again = await put('keyed', {}, headers);
    expect([again.status, again.headers.get('idempotency-replayed')]).toEqual([201, 'true']);
    expect(await put('keyed', { secret: 'another-secret-of-16' }, headers)).toMatchObject({
      status: 422,
      json: { code: 'idempotency_key_reused' },
    });
  });

  test.each([
    ['an invalid repository', { repository: 'octo' }, '/repository'],
    ['an invalid ref', { ref: 'main' }, '/ref'],
    ['a folder outside of the repository', { path: '../x' }, '/path'],
    ['a short secret', { secret: 'short' }, '/secret'],
    ['an API address with a password', { apiUrl: 'https://a:b@git.example' }, '/apiUrl'],
    ['an API that is not an HTTP address', { apiUrl: 'file:///etc' }, '/apiUrl'],
    ['an unknown provider', { provider: 'svn' }, '/provider'],
    [
      'a token without an API address',
      { provider: 'generic', secret: newWebhookSecret(), token: 't' },
      '/token',
    ],
    [
      'a secret that is not in the form of a generic hook',
      { provider: 'generic', repository: 'bot' },
      '/secret',
    ],
    ['an unknown field', { color: 'red' }, '/color'],
  ])('with %s is refused', async (_what, over, pointer) => {
    expect(await put('wrong', over)).toMatchObject({ status: 422, json: { errors: [{ pointer }] } });
  });

  test('of an unknown tenant is not created', async () => {
    expect((await api.call('PUT', '/v1/tenants/nobody/hooks/main', { json: rule })).status).toBe(404);
    expect((await api.call('GET', '/v1/tenants/nobody/hooks')).status).toBe(404);
  });
});
