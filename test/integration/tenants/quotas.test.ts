import { randomUUID } from 'node:crypto';

import { Client } from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { digestOf } from '../../../packages/protocol/digest.ts';
import { QuotaName } from '../../../packages/protocol/quota.ts';
import { sourceTree } from '../../../packages/protocol/releases/source.ts';
import { findBlob } from '../../../services/postgres/content/blobs.ts';
import { storeSource } from '../../../services/postgres/content/sources.ts';
import { accepted, settled } from '../../support/worlds/control-plane.ts';
import { eventually } from '../../support/runs/eventually.ts';
import { type PushedTenant, type PushedWorld, startPushedWorld } from '../../support/worlds/pushed-world.ts';
import { contradictions } from '../../support/runs/record-check.ts';
import { runCli } from '../../support/runs/run-cli.ts';
import { as, itemsOf, madeToken, shown } from '../../support/data/tokens.ts';

let world: PushedWorld;
let owner: Client;
let hooked: PushedTenant;
let tenant: string;

beforeAll(async () => {
  world = await startPushedWorld();
  owner = new Client({ connectionString: world.plane.postgres.ownerUrl });
  await owner.connect();
});
beforeEach(async () => {
  hooked = await world.tenant();
  tenant = hooked.name;
});
afterEach(async () => {
  expect(await contradictions(world.plane.postgres.ownerUrl)).toEqual([]);
});
afterAll(async () => {
  await owner.end();
  await world.stop();
});

const path = (rest: string) => `/v1/tenants/${tenant}/${rest}`;
const call: PushedWorld['api']['call'] = (...args) => world.api.call(...args);
const limit = (quotas: Partial<Record<QuotaName, number | null>>) =>
  call('PUT', path('quotas'), { json: quotas });
const publish = (files: Record<string, string>, bundle = 'bot', headers: Record<string, string> = {}) =>
  call('POST', path(`bundles/${bundle}/releases`), { json: { files }, headers });
const usage = async (quota: QuotaName) =>
  itemsOf(await call('GET', path('quotas'))).find((one) => one['quota'] === quota)!;
const over = (quota: QuotaName, used: number, most: number) => ({
  status: 429,
  json: { code: 'quota_exceeded', quota: { quota, used, limit: most } },
});

/** Changes the database so that unused content is old enough for the sweep to delete it. */
async function age(): Promise<void> {
  for (const table of ['sources', 'blobs'])
    await owner.query(
      `UPDATE pointsman.${table} SET check_at = check_at - interval '51 minutes' WHERE tenant = $1`,
      [tenant],
    );
}

async function publishedOnce(files: Record<string, string> = { 'a.json': '1' }): Promise<number> {
  const { json } = await publish(files);
  const version = Number(json['version']);
  expect(await settled(world.plane, tenant, version, { bundle: 'bot' })).toMatchObject({
    outcome: 'published',
  });
  return version;
}

describe('the quotas of a tenant', () => {
  test('can be read by viewers of the tenant and set by admins of the platform only', async () => {
    const viewer = await madeToken(world.api, { name: 'v', tenant, roles: ['viewer'] });
    const admin = await madeToken(world.api, { name: 'a', tenant, roles: ['admin'] });
    const elsewhere = await world.tenant();
    const stranger = await madeToken(world.api, { name: 's', tenant: elsewhere.name, roles: ['admin'] });
    const seen = await call('GET', path('quotas'), as(viewer.token));
    expect(itemsOf(seen).map((one) => one['quota'])).toEqual(QuotaName.options);
    expect(await usage('tokens')).toMatchObject({ used: 2, limit: 1_000, default: 1_000 });
    for (const { token } of [viewer, admin, stranger]) {
      expect((await call('PUT', path('quotas'), as(token, { json: { tokens: 5 } }))).status).toBe(403);
    }
    const theirs = await call('GET', path('quotas'), as(stranger.token));
    expect(theirs.status).toBe(403);
    expect(shown(theirs)).toEqual(shown(await call('GET', '/v1/tenants/nobody/quotas', as(stranger.token))));
    expect(await limit({ tokens: 5 })).toMatchObject({ status: 200 });
    expect(await usage('tokens')).toMatchObject({ used: 2, limit: 5, default: 1_000 });
    for (const wrong of [{}, { cats: 1 }, { tokens: -1 }, { tokens: 1.5 }])
      expect((await call('PUT', path('quotas'), { json: wrong })).status).toBe(422);
    expect((await call('GET', '/v1/tenants/nobody/quotas')).status).toBe(404);
  });

  test('can be read and set on the command line', async () => {
    const env = {
      POINTSMAN_URL: world.api.url,
      POINTSMAN_TOKEN: world.api.adminToken,
      POINTSMAN_TENANT: tenant,
    };
    const set = await runCli(['quotas', 'set', 'bytes=2GiB', 'hooks=1'], { env });
    expect(set).toMatchObject({ exit: 0, stderr: '' });
    expect(set.stdout).toMatch(/^bytes +0 bytes of 2 GiB +set; the default is 10 GiB$/m);
    expect(set.stdout).toMatch(/^hooks +1 of 1 +set; the default is 200 +exhausted$/m);
    await runCli(['quotas', 'set', 'hooks=default'], { env });
    expect((await runCli(['quotas'], { env })).stdout).toMatch(/^hooks +1 of 200$/m);
    expect((await runCli(['quotas', 'set', 'cats=1'], { env })).exit).toBe(2);
  });
});

describe('at the limit of a quota', () => {
  test('a publish is refused with 429 and the quota, and a publish larger than the whole quota with 413', async () => {
    await publishedOnce();
    const { used } = (await usage('bytes')) as { used: number };
    await limit({ bytes: used + 1_000 });
    const refused = await publish({ 'a.json': JSON.stringify('x'.repeat(950)) });
    expect(refused).toMatchObject(over('bytes', used, used + 1_000));
    expect(refused.headers.get('retry-after')).toBe('3600');
    const larger = await publish({ 'a.json': JSON.stringify('x'.repeat(100_000)) });
    expect(larger).toMatchObject({ status: 413, json: { code: 'larger_than_quota' } });
    expect(await usage('bytes')).toMatchObject({ used });
  });

  test('a publish whose compiled files do not fit is refused, and a release whose source was stored without them is rejected with the reason', async () => {
    const content = Buffer.from('{"a": 1}');
    const file = { path: 'a.json', digest: digestOf(content), size: content.length };
    const contents = new Map([[file.digest, content]]);
    await storeSource(world.plane.db, tenant, sourceTree([file]), contents);
    const { used } = (await usage('bytes')) as { used: number };
    await limit({ bytes: used + 1 });
    const refused = await publish({ 'a.json': '{"a": 1}' });
    expect([refused.status, refused.json['code']]).toEqual([413, 'larger_than_quota']);
    expect(await usage('bytes')).toMatchObject({ used });
    const version = await accepted(world.plane, tenant, { bundle: 'bot', files: { 'a.json': '{"a": 1}' } });
    const ended = await settled(world.plane, tenant, version, { bundle: 'bot' });
    expect(ended).toMatchObject({ outcome: 'rejected', reason: expect.stringMatching(/quota "bytes"/) });
    await limit({ bytes: null });
    await publishedOnce({ 'a.json': '{"a": 1}' });
  });

  test('a new bundle is refused, and existing bundles can still be published', async () => {
    await publishedOnce();
    await limit({ bundles: 1 });
    expect(await publish({ 'a.json': '2' }, 'other')).toMatchObject(over('bundles', 1, 1));
    await publishedOnce({ 'a.json': '2' });
  });

  test('a new release is refused until a release in flight has settled', async () => {
    await call('PUT', path('policy'), {
      json: {
        channels: { live: { onConflict: 'queue', gates: [{ approval: { name: 'release', count: 1 } }] } },
      },
    });
    await limit({ releasesInFlight: 2 });
    const [first] = [await publish({ 'a.json': '1' }), await publish({ 'a.json': '2' })];
    const refused = await publish({ 'a.json': '3' });
    expect(refused).toMatchObject(over('releasesInFlight', 2, 2));
    expect(refused.headers.get('retry-after')).toBe('10');
    const version = Number(first.json['version']);
    await call('POST', path(`bundles/bot/releases/${version}/cancel`));
    await settled(world.plane, tenant, version, { bundle: 'bot' });
    expect((await publish({ 'a.json': '3' })).status).toBe(202);
  });

  test('a push is refused, and its hook delivery records the reason', async () => {
    await limit({ bytes: 1 });
    const commit = await hooked.pushed({ 'config.json': '{"a":1}' });
    const delivery = await hooked.delivery(commit, ({ state }) => state === 'refused');
    expect(delivery.reason).toMatch(/quota "bytes"/);
    await limit({ bytes: null, changesPerDay: 0 });
    const next = await hooked.push(await hooked.commit({ 'config.json': '{"a":2}' }));
    expect(next).toMatchObject({ status: 429, json: { code: 'quota_exceeded' } });
    expect(Number(next.headers.get('retry-after'))).toBeGreaterThan(0);
  });

  test.each([
    ['tokens', () => call('POST', '/v1/tokens', { json: { name: randomUUID(), tenant, roles: ['viewer'] } })],
    [
      'hooks',
      () =>
        call('PUT', path(`hooks/${randomUUID()}`), {
          json: {
            provider: 'github',
            repository: 'a/b',
            ref: 'refs/heads/x',
            bundle: 'bot',
            secret: 'x'.repeat(20),
          },
        }),
    ],
    [
      'sinks',
      () => call('PUT', path(`sinks/${randomUUID()}`), { json: { webhook: { url: 'https://a.example' } } }),
    ],
    [
      'policyVersions',
      () => call('PUT', path('policy'), { json: { channels: { [randomUUID()]: { onConflict: 'queue' } } } }),
    ],
  ] as const)('new %s are refused, and a deletion makes room', async (quota, make) => {
    const made = await make();
    expect([200, 201]).toContain(made.status);
    const { used } = (await usage(quota)) as { used: number };
    await limit({ [quota]: used });
    expect(await make()).toMatchObject(over(quota, used, used));
    const others = { tokens: `/v1/tokens/${String(made.json['id'])}`, hooks: hooked.path };
    if (!(quota in others)) return;
    expect((await call('DELETE', others[quota as keyof typeof others])).status).toBe(204);
    expect((await make()).status).toBe(201);
  });

  test('a tenant can still roll back, promote, hold, approve, cancel and delete', async () => {
    const [v1, v2] = [await publishedOnce(), await publishedOnce({ 'a.json': '2' })];
    await call('PUT', path('policy'), {
      json: { channels: { live: { gates: [{ approval: { name: 'release', count: 1 } }] } } },
    });
    const { token, id } = await madeToken(world.api, { name: 'x', tenant, roles: ['approver'] });
    const waiting = await publish({ 'a.json': '3' });
    const v3 = String(waiting.json['version']);
    const digest = await eventually(
      async () => {
        const { json } = await call('GET', path(`bundles/bot/releases/${v3}`));
        return json['status'] === 'waiting' && json['digest'];
      },
      { what: 'the gate' },
    );
    await limit(Object.fromEntries(QuotaName.options.map((quota) => [quota, 0])));
    const approval = as(token, { json: { decision: 'approve', digest } });
    const approved = await call('POST', path(`bundles/bot/releases/${v3}/approvals`), approval);
    expect(approved.status).toBe(201);
    expect(await settled(world.plane, tenant, Number(v3), { bundle: 'bot' })).toMatchObject({
      outcome: 'published',
    });
    const live = path('bundles/bot/channels/live');
    for (const version of [v1, v2]) expect((await call('PUT', live, { json: { version } })).status).toBe(200);
    expect((await call('PUT', `${live}/hold`, { json: { reason: 'x' } })).status).toBe(200);
    expect((await call('DELETE', `${live}/hold`)).status).toBe(200);
    expect((await call('DELETE', `/v1/tokens/${id}`)).status).toBe(204);
    expect((await call('DELETE', hooked.path)).status).toBe(204);
  });
});

test('the sweep deletes the content of a publish that was refused because of a hold', async () => {
  await publishedOnce();
  const { used: before } = await usage('bytes');
  await call('PUT', path('bundles/bot/channels/live/hold'), { json: { reason: 'x' } });
  expect((await publish({ 'b.json': '"refused"' })).status).toBe(423);
  expect((await publish({ 'c.json': '"stale"' }, 'bot', { 'if-match': '"7"' })).status).toBeOneOf([412, 423]);
  const refused = digestOf('"refused"');
  expect(await findBlob(world.plane.db, tenant, refused)).not.toBeNull();
  await age();
  await eventually(async () => ((await findBlob(world.plane.db, tenant, refused)) === null ? true : null), {
    what: 'the sweep',
  });
  await eventually(async () => ((await usage('bytes'))['used'] === before ? true : null), {
    what: 'its bytes',
  });
});

test('a push whose source was deleted before its admission is fetched again and published', async () => {
  // This lock blocks every admission of the tenant. See `lock_counts` in functions/quotas.sql.
  await owner.query('SELECT pg_advisory_lock(7400002, hashtext($1))', [tenant]);
  const commit = await hooked.pushed({ 'config.json': '{"a":1}' });
  const sources = async () =>
    (await owner.query('SELECT FROM pointsman.sources WHERE tenant = $1', [tenant])).rowCount;
  await eventually(async () => (await sources()) === 1, { what: 'the source' });
  await age();
  await eventually(async () => (await sources()) === 0, { what: 'the sweep' });
  await owner.query('SELECT pg_advisory_unlock(7400002, hashtext($1))', [tenant]);
  const { version } = await hooked.delivery(commit, ({ state }) => state === 'published');
  expect(await settled(world.plane, tenant, version!)).toMatchObject({ outcome: 'published' });
});

test('a dry run stores nothing', async () => {
  const files = { 'a.json': '"dry"' };
  const answer = await call('POST', path('bundles/bot/releases?dryRun=true'), { json: { files } });
  expect(answer).toMatchObject({ status: 200, json: { valid: true } });
  expect(await usage('bytes')).toMatchObject({ used: 0 });
});

test('an expired idempotency key belongs to the next request that uses it', async () => {
  const headers = { 'idempotency-key': 'k' };
  const first = await publish({ 'a.json': '1' }, 'bot', headers);
  await settled(world.plane, tenant, Number(first.json['version']), { bundle: 'bot' });
  const again = await publish({ 'a.json': '1' }, 'bot', headers);
  expect(again.headers.get('idempotency-replayed')).toBe('true');
  await owner.query(
    `UPDATE pointsman.idempotency_keys SET created_at = created_at - interval '7 days' WHERE tenant = $1`,
    [tenant],
  );
  await eventually(
    async () => {
      const { rows } = await owner.query(
        `SELECT FROM pointsman.idempotency_keys WHERE tenant = $1 AND key = 'client/k'`,
        [tenant],
      );
      return rows.length === 0 ? true : null;
    },
    { what: 'the sweep' },
  );
  const other = await publish({ 'a.json': '2' }, 'bot', headers);
  expect(other).toMatchObject({ status: 202, json: { version: 2 } });
});
