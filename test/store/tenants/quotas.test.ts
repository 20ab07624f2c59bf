import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { digestOf } from '../../../packages/protocol/digest.ts';
import { NO_POLICY, Policy } from '../../../core/policy.ts';
import { QuotaName } from '../../../packages/protocol/quota.ts';
import { sourceTree } from '../../../packages/protocol/releases/source.ts';
import { quotaDefaults } from '../../../core/limits/storage-limits.ts';
import { acknowledge } from '../../../services/postgres/channels/followers.ts';
import { putPolicy } from '../../../services/postgres/channels/policies.ts';
import { readQuotas } from '../../../services/postgres/tenants/quotas.ts';
import { storeSource } from '../../../services/postgres/content/sources.ts';
import { receive, setHook } from '../../support/data/hooks.ts';
import { limitTenant } from '../../support/data/quotas.ts';
import {
  admitRequest,
  AT,
  handRequest,
  holdRequest,
  newTenant,
  published,
  putSource,
  repeated,
  startStore,
  type Store,
} from '../../support/worlds/store.ts';

let store: Store;
let tenant: string;
beforeAll(async () => {
  store = await startStore();
});
afterAll(() => store.stop());
beforeEach(async () => {
  tenant = await newTenant(store);
});

const used = async (quota: QuotaName, of = tenant) =>
  (await readQuotas(store.db, of))?.find((one) => one.quota === quota)?.used;

/** Computes the number of stored bytes from the rows. */
async function storedBytes(): Promise<number> {
  const { rows } = await store.owner.query<{ bytes: string }>(
    `SELECT (SELECT coalesce(sum(size), 0) FROM pointsman.blobs WHERE tenant = $1)
       + (SELECT coalesce(sum(octet_length(entries::text)), 0) FROM pointsman.sources WHERE tenant = $1)
       + (SELECT coalesce(sum(octet_length(artifacts::text) + octet_length(warnings::text)), 0) FROM pointsman.compilations WHERE tenant = $1) AS bytes`,
    [tenant],
  );
  return Number(rows[0]?.bytes);
}

describe('the quotas of a tenant', () => {
  test('all quotas are listed, with the defaults of core/limits/storage-limits.ts', async () => {
    const expected = QuotaName.options.map((quota) => ({
      quota,
      used: 0,
      limit: quotaDefaults[quota],
      default: quotaDefaults[quota],
    }));
    expect(await readQuotas(store.db, tenant)).toEqual(expected);
    expect(await readQuotas(store.db, 'nobody')).toBeNull();
  });

  test('quotas are set by name, once per idempotency key, and can be reset to their defaults', async () => {
    const key = { idempotencyKey: 'a', fingerprint: digestOf('a') };
    expect(await limitTenant(store.db, tenant, { hooks: 3, sinks: 0 }, key)).toMatchObject({
      replayed: false,
    });
    expect(await limitTenant(store.db, tenant, { hooks: 3, sinks: 0 }, key)).toMatchObject({
      replayed: true,
    });
    expect(await limitTenant(store.db, tenant, { hooks: 4 }, { ...key, fingerprint: digestOf('b') })).toEqual(
      {
        kind: 'key_reused',
      },
    );
    await limitTenant(store.db, tenant, { sinks: null });
    const limits = Object.fromEntries(
      (await readQuotas(store.db, tenant))!.map((one) => [one.quota, one.limit]),
    );
    expect(limits).toEqual({ ...quotaDefaults, hooks: 3 });
    const { rows } = await store.owner.query(
      `SELECT by, detail->'hooks' AS hooks FROM pointsman.audit WHERE tenant = $1 AND action = 'set quotas' ORDER BY id`,
      [tenant],
    );
    expect(rows).toEqual([
      { by: 'admin', hooks: 3 },
      { by: 'admin', hooks: null },
    ]);
  });

  test('the quotas of a tenant do not change with the usage or the limits of another tenant', async () => {
    const other = await newTenant(store);
    await published(store, { tenant: other, bundle: 'bundle', version: 1 });
    await limitTenant(store.db, other, { bytes: 1 });
    expect(
      (await readQuotas(store.db, tenant))!.every((one) => one.used === 0 && one.limit === one.default),
    ).toBe(true);
    await putSource(store, tenant, 'mine');
    expect(await used('bytes')).toBe(await storedBytes());
  });
});

describe('stored bytes', () => {
  test('bytes are counted exactly, and content that is stored twice counts once', async () => {
    await published(store, { tenant, bundle: 'bundle', version: 1 });
    await putSource(store, tenant, 'x'.repeat(10_000));
    const before = await used('bytes');
    expect(before).toBe(await storedBytes());
    expect(before).toBeGreaterThan(10_000);
    await putSource(store, tenant, 'x'.repeat(10_000));
    expect(await used('bytes')).toBe(before);
  });

  test('content over the quota is refused with the quota’s name, limit and usage, and nothing of it is stored', async () => {
    await putSource(store, tenant, 'first');
    const before = (await used('bytes'))!;
    await limitTenant(store.db, tenant, { bytes: before + 500 });
    await expect(putSource(store, tenant, 'y'.repeat(490))).rejects.toMatchObject({
      code: 'quota_exceeded',
      details: { quota: { quota: 'bytes', used: before, limit: before + 500 } },
    });
    await expect(putSource(store, tenant, 'y'.repeat(10_000))).rejects.toMatchObject({
      code: 'larger_than_quota',
    });
    expect(await used('bytes')).toBe(before);
    expect(await storedBytes()).toBe(before);
    await putSource(store, tenant, 'fits');
  });

  test('50 concurrently stored sources never exceed the quota, and as many are stored as fit', async () => {
    const sources = Array.from({ length: 50 }, (_none, i) => {
      const content = Buffer.from(`${i}`.padStart(4_000, '.'));
      const tree = sourceTree([{ path: 'a', digest: digestOf(content), size: content.length }]);
      return { tree, contents: new Map([[digestOf(content), content]]) };
    });
    const first = sources[0]!;
    await storeSource(store.db, tenant, first.tree, first.contents);
    const each = (await used('bytes'))!;
    await limitTenant(store.db, tenant, { bytes: each * 20 + 100 });
    const results = await Promise.allSettled(
      sources
        .slice(1)
        .map(({ tree, contents }) => repeated(() => storeSource(store.db, tenant, tree, contents))),
    );
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(19);
    for (const result of results) {
      if (result.status === 'rejected') expect(result.reason).toMatchObject({ code: 'quota_exceeded' });
    }
    expect(await storedBytes()).toBe(each * 20);
    expect(await used('bytes')).toBe(each * 20);
  });
});

describe('a publish', () => {
  const ask = async (bundle: string, version: number, of = tenant) =>
    store.admissions.admit(await admitRequest(store, { tenant: of, bundle, version }));

  test('50 concurrent publishes of new bundles create as many bundles as the quota allows', async () => {
    await limitTenant(store.db, tenant, { bundles: 7 });
    const requests = await Promise.all(
      Array.from({ length: 50 }, (_none, i) => admitRequest(store, { tenant, bundle: `b${i}`, version: 1 })),
    );
    const answers = await Promise.all(
      requests.map((request) => repeated(() => store.admissions.admit(request))),
    );
    expect(answers.filter(({ kind }) => kind === 'accepted')).toHaveLength(7);
    expect(answers.filter(({ kind }) => kind !== 'accepted')).toEqual(
      Array.from({ length: 43 }, () => ({ kind: 'quota_exceeded', quota: 'bundles', used: 7, limit: 7 })),
    );
    expect(await used('bundles')).toBe(7);
  });

  test('concurrent publishes are admitted up to the quota of releases in flight, and again after one has settled', async () => {
    await limitTenant(store.db, tenant, { releasesInFlight: 5 });
    const requests = await Promise.all(
      Array.from({ length: 50 }, (_none, i) => admitRequest(store, { tenant, bundle: `b${i}`, version: 1 })),
    );
    const answers = await Promise.all(
      requests.map((request) => repeated(() => store.admissions.admit(request))),
    );
    const admitted = requests.filter((_request, i) => answers[i]?.kind === 'accepted');
    expect(admitted).toHaveLength(5);
    expect(await used('releasesInFlight')).toBe(5);
    await store.settlements.close(admitted[0]!, {
      outcome: 'errored',
      yieldsToIntent: false,
      reason: 'x',
      stage: null,
      at: AT,
    });
    await store.settlements.settle(admitted[0]!, AT);
    expect(await ask('another', 1)).toMatchObject({ kind: 'accepted' });
  });

  test('a repeated publish returns its accepted result, even over the quota', async () => {
    const request = await admitRequest(store, { tenant, bundle: 'bundle', version: 1 });
    expect(await store.admissions.admit(request)).toMatchObject({ kind: 'accepted', replayed: false });
    await limitTenant(store.db, tenant, { releasesInFlight: 0, bundles: 0, changesPerDay: 0, bytes: 0 });
    expect(await store.admissions.admit(request)).toMatchObject({ kind: 'accepted', replayed: true });
  });
});

describe('the changes of a day', () => {
  test('changes are counted, and new changes over the quota are refused with the quota’s name', async () => {
    await setHook(store.db, tenant);
    await receive(store.db, { tenant, hook: 'main', delivery: 'one' });
    expect(await used('changesPerDay')).toBe(2);
    await limitTenant(store.db, tenant, { changesPerDay: 3 });
    const over = { kind: 'quota_exceeded', quota: 'changesPerDay', used: 3, limit: 3 };
    expect(await setHook(store.db, tenant, { hook: 'other' })).toEqual(over);
    expect(await receive(store.db, { tenant, hook: 'main', delivery: 'two' })).toEqual(over);
    // A repeated delivery is found in the database, so it is not counted against the quota.
    expect(await receive(store.db, { tenant, hook: 'main', delivery: 'one' })).toMatchObject({
      kind: 'replayed',
    });
    const request = await admitRequest(store, { tenant, bundle: 'bundle', version: 1 });
    expect(await store.admissions.admit(request)).toEqual(over);
  });

  test('the count of changes starts again each day', async () => {
    await setHook(store.db, tenant);
    await limitTenant(store.db, tenant, { changesPerDay: 1 });
    await store.owner.query('UPDATE pointsman.tenant_usage SET day = day - 1 WHERE tenant = $1', [tenant]);
    expect(await used('changesPerDay')).toBe(0);
    expect(await setHook(store.db, tenant, { hook: 'other' })).toMatchObject({ kind: 'saved' });
    expect(await used('changesPerDay')).toBe(1);
  });
});

test('a tenant over every quota can still roll back, hold and cancel', async () => {
  await published(store, { tenant, bundle: 'bundle', version: 1 });
  await published(store, { tenant, bundle: 'bundle', version: 2 });
  await store.admissions.admit(await admitRequest(store, { tenant, bundle: 'bundle', version: 3 }));
  await limitTenant(store.db, tenant, Object.fromEntries(QuotaName.options.map((quota) => [quota, 0])));
  expect(await store.moves.moveByHand(handRequest({ tenant, version: 1 }))).toMatchObject({ kind: 'moved' });
  expect(await store.moves.setHold(holdRequest({ tenant, reason: 'x' }))).toMatchObject({ kind: 'done' });
  expect(
    await store.admissions.requestCancel(
      { tenant, bundle: 'bundle', version: 3 },
      { by: 'ann', reason: null, at: AT },
    ),
  ).toMatchObject({ kind: 'cancelling' });
});

test('the number of policy versions is limited, and the current policy can be stored again', async () => {
  const put = (document: Policy, key: string) =>
    putPolicy(store.db, {
      tenant,
      document,
      message: null,
      ifVersion: null,
      by: 'ann',
      idempotencyKey: key,
      fingerprint: digestOf(key),
      requestId: 'request',
      at: AT,
    });
  const queue = Policy.parse({ channels: { live: { onConflict: 'queue' } } });
  await limitTenant(store.db, tenant, { policyVersions: 1 });
  expect(await put(queue, 'a')).toMatchObject({ kind: 'stands', version: 1 });
  expect(await put(queue, 'b')).toMatchObject({ kind: 'stands', version: 1 });
  expect(await put(NO_POLICY, 'c')).toEqual({
    kind: 'quota_exceeded',
    quota: 'policyVersions',
    used: 1,
    limit: 1,
  });
});

test('followers are counted over all channels, and forgotten followers make room', async () => {
  await published(store, { tenant, bundle: 'bundle', version: 1 });
  const say = (follower: string, at = AT) =>
    acknowledge(store.db, {
      tenant,
      bundle: 'bundle',
      channel: 'live',
      follower,
      generation: 0,
      digest: null,
      by: 'fleet',
      at,
    });
  await limitTenant(store.db, tenant, { followers: 2 });
  for (const follower of ['a', 'b']) expect(await say(follower)).toMatchObject({ kind: 'acknowledged' });
  expect(await say('c')).toEqual({ kind: 'quota_exceeded', quota: 'followers', used: 2, limit: 2 });
  expect(await say('a')).toMatchObject({ kind: 'acknowledged' });
  expect(await say('c', AT + 2 * 86_400_000)).toMatchObject({ kind: 'acknowledged' });
  expect(await used('followers')).toBe(1);
});
