import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { signatureHeaders } from '../../../packages/protocol/webhooks/sign.ts';
import { newWebhookSecret } from '../../../packages/protocol/webhooks/webhook-secret.ts';
import { startApi, type TestAnswer, type TestApi } from '../../support/processes/api.ts';
import { newTenant, startStore, type Store } from '../../support/worlds/store.ts';

const SECRET = newWebhookSecret();

let store: Store;
let api: TestApi;
let path: string;

beforeAll(async () => {
  store = await startStore();
  // Restate is unreachable, so no workflow starts and a delivery stays recorded as received.
  api = await startApi({ appUrl: store.postgres.appUrl, ingressUrl: 'http://127.0.0.1:1' });
  path = `/v1/tenants/${await newTenant(store)}/hooks/main`;
  const rule = { provider: 'generic', repository: 'bot', ref: 'refs/heads/main', bundle: 'bundle' };
  const made = await api.call('PUT', path, { json: { ...rule, secret: SECRET } });
  expect(made.status, made.text).toBe(201);
});
afterAll(async () => {
  await api.stop();
  await store.stop();
});

interface Captured {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** A signed push that an attacker has recorded and can send again. */
function captured(id: string, { ageMs = 0 } = {}): Captured {
  const payload = {
    repository: 'bot',
    ref: 'refs/heads/main',
    commit: id,
    sourceUrl: 'https://svn.example/a.tgz',
  };
  const body = JSON.stringify(payload);
  const timestamp = Math.floor((Date.now() - ageMs) / 1_000);
  return { headers: signatureHeaders({ id, timestamp, body }, [SECRET]), body };
}

function deliver({ headers, body }: Captured): Promise<TestAnswer> {
  const own = { authorization: '', 'content-type': 'application/json' };
  return api.call('POST', `${path}/deliveries`, { headers: { ...own, ...headers }, body });
}

describe('a captured push to a generic hook', () => {
  test('changes nothing when it is sent again unchanged', async () => {
    const push = captured('r1');
    expect(await deliver(push)).toMatchObject({ status: 202, json: { kind: 'accepted', delivery: 'r1' } });
    expect(await deliver(push)).toMatchObject({ status: 200, json: { delivery: 'r1', replayed: true } });
  });

  test('is refused when it is sent with another id or time, because the signature covers both', async () => {
    const { headers, body } = captured('r2');
    const later = String(Number(headers['webhook-timestamp']) + 1);
    for (const over of [{ 'webhook-id': 'r3' }, { 'webhook-timestamp': later }])
      expect(await deliver({ headers: { ...headers, ...over }, body })).toMatchObject({
        status: 401,
        json: { code: 'not_signed' },
      });
  });

  test('is refused once it is more than five minutes old, whether or not it was delivered before', async () => {
    expect((await deliver(captured('r4', { ageMs: 4 * 60_000 }))).status).toBe(202);
    expect((await deliver(captured('r4', { ageMs: 6 * 60_000 }))).status).toBe(401);
    expect((await deliver(captured('r5', { ageMs: 6 * 60_000 }))).status).toBe(401);
  });
});
