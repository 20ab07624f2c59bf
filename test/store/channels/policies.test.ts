import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';

import { digestOf } from '../../../packages/protocol/digest.ts';
import { NO_POLICY, Policy } from '../../../core/policy.ts';
import { openDatabase } from '../../../services/postgres/database.ts';
import {
  findPolicy,
  listPolicies,
  type NewPolicy,
  publishTerms,
  putPolicy,
} from '../../../services/postgres/channels/policies.ts';
import { gated, policyRequest } from '../../support/data/policies.ts';
import { contradictions } from '../../support/runs/record-check.ts';
import { AT, newTenant, published, readyToSwap, startStore, type Store } from '../../support/worlds/store.ts';

let store: Store;
beforeAll(async () => {
  store = await startStore();
});
afterAll(() => store.stop());
afterEach(async () => {
  expect(await contradictions(store.postgres.ownerUrl)).toEqual([]);
});

/** A policy that differs from those with other numbers. */
const numbered = (n: number) => gated({ approval: { name: `release-${n}` } });

const put = (tenant: string, document: Policy, asked: Partial<NewPolicy> = {}) =>
  putPolicy(store.db, policyRequest(tenant, document, asked));
const versions = (tenant: string) => listPolicies(store.db, tenant, { limit: 1_000 });
const stands = (version: number, replayed = false) => ({ kind: 'stands', version, replayed });

describe('a policy that is put', () => {
  test('is numbered from 1, and every version stays, with who made it and why', async () => {
    const tenant = await newTenant(store);
    expect(await findPolicy(store.db, tenant)).toEqual({ version: 0, document: NO_POLICY });
    expect(await put(tenant, numbered(1), { message: 'we want to know' })).toEqual(stands(1));
    expect(await put(tenant, numbered(2), { by: 'bob', at: AT + 1_000 })).toEqual(stands(2));
    expect(await findPolicy(store.db, tenant)).toEqual({ version: 2, document: numbered(2) });
    expect(await findPolicy(store.db, tenant, 1)).toEqual({ version: 1, document: numbered(1) });
    expect(await findPolicy(store.db, tenant, 0)).toEqual({ version: 0, document: NO_POLICY });
    expect(await findPolicy(store.db, tenant, 3)).toBeNull();
    expect(await versions(tenant)).toEqual([
      { version: 2, message: null, by: 'bob', at: new Date(AT + 1_000).toISOString() },
      { version: 1, message: 'we want to know', by: 'ann', at: new Date(AT).toISOString() },
    ]);
    expect(await listPolicies(store.db, tenant, { before: 2, limit: 1 })).toMatchObject([{ version: 1 }]);
  });

  test('and is the standing one already changes nothing; one that stood before is a new version', async () => {
    const tenant = await newTenant(store);
    expect(await put(tenant, NO_POLICY)).toEqual(stands(0));
    await put(tenant, numbered(1));
    expect(await put(tenant, numbered(1), { message: 'again' })).toEqual(stands(1));
    expect(await versions(tenant)).toHaveLength(1);
    await put(tenant, NO_POLICY);
    expect(await put(tenant, numbered(1))).toEqual(stands(3));
  });

  test('against a version that has passed is refused with the one that stands', async () => {
    const tenant = await newTenant(store);
    expect(await put(tenant, numbered(1), { ifVersion: 1 })).toEqual({ kind: 'stale', version: 0 });
    expect(await put(tenant, numbered(1), { ifVersion: 0 })).toEqual(stands(1));
    expect(await put(tenant, numbered(1), { ifVersion: 0 })).toEqual({ kind: 'stale', version: 1 });
    expect(await put(tenant, numbered(2), { ifVersion: 1 })).toEqual(stands(2));
  });

  test('is put once under its key, also when it has been replaced since', async () => {
    const tenant = await newTenant(store);
    const first = policyRequest(tenant, numbered(1), { ifVersion: 0 });
    await putPolicy(store.db, first);
    await put(tenant, numbered(2));
    expect(await putPolicy(store.db, first)).toEqual(stands(1, true));
    expect(await putPolicy(store.db, { ...first, fingerprint: digestOf('x') })).toEqual({
      kind: 'key_reused',
    });
    expect(await versions(tenant)).toHaveLength(2);
  });

  test('under a key that another call has used is refused', async () => {
    const tenant = await newTenant(store);
    await published(store, { tenant, bundle: 'bundle', version: 1 }, { idempotencyKey: 'mine' });
    expect(await put(tenant, numbered(1), { idempotencyKey: 'mine' })).toEqual({ kind: 'key_reused' });
    expect(await versions(tenant)).toEqual([]);
  });

  test('for a tenant that is not there is refused', async () => {
    expect(await put('nobody-knows', numbered(1))).toEqual({ kind: 'no_tenant' });
  });

  test('is in the audit', async () => {
    const tenant = await newTenant(store);
    await put(tenant, numbered(1), { message: 'four eyes' });
    const { rows } = await store.owner.query(
      `SELECT by, action, detail FROM pointsman.audit WHERE tenant = $1 AND action = 'put policy'`,
      [tenant],
    );
    const detail = { version: 1, message: 'four eyes', requestId: 'request' };
    expect(rows).toEqual([{ by: 'ann', action: 'put policy', detail }]);
  });
});

describe('twenty at once', () => {
  test('are twenty versions without a gap, each told its own', async () => {
    const tenant = await newTenant(store);
    const answers = await Promise.all(Array.from({ length: 20 }, (_, n) => put(tenant, numbered(n))));
    const told = answers.map((answer) => (answer.kind === 'stands' ? answer.version : answer.kind));
    const expected = Array.from({ length: 20 }, (_, n) => n + 1);
    expect(told.toSorted((one, other) => Number(one) - Number(other))).toEqual(expected);
    expect((await versions(tenant)).map(({ version }) => version).toReversed()).toEqual(expected);
    for (const [n, version] of told.entries())
      expect(await findPolicy(store.db, tenant, Number(version))).toMatchObject({ document: numbered(n) });
  });

  test('who saw the same version are one, and nineteen refusals', async () => {
    const tenant = await newTenant(store);
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, n) => put(tenant, numbered(n), { ifVersion: 0 })),
    );
    expect(answers.filter(({ kind }) => kind === 'stands')).toEqual([stands(1)]);
    expect(answers.filter(({ kind }) => kind === 'stale')).toHaveLength(19);
  });

  test('under one key are one', async () => {
    const tenant = await newTenant(store);
    const same = policyRequest(tenant, numbered(1));
    const answers = await Promise.all(Array.from({ length: 20 }, () => putPolicy(store.db, same)));
    expect(answers.filter((answer) => answer.kind === 'stands' && !answer.replayed)).toEqual([stands(1)]);
    expect(answers.filter((answer) => answer.kind === 'stands' && answer.replayed)).toHaveLength(19);
  });
});

describe('the table', () => {
  test('takes no version but the next one, and lets the app rewrite and remove nothing', async () => {
    const tenant = await newTenant(store);
    await put(tenant, numbered(1));
    const app = openDatabase(store.postgres.appUrl, { connections: 1 });
    const refusal = (sql: string) =>
      app.call(tenant, sql, []).then(
        () => 'DONE',
        (error: { cause?: { code?: string } }) => error.cause?.code,
      );
    try {
      for (const version of [1, 3]) {
        const row = `('${tenant}', ${version}, '{}', NULL, 'x', now())`;
        expect(await refusal(`INSERT INTO policies VALUES ${row}`), `v${version}`).toBe('PM008');
      }
      expect(await refusal(`UPDATE policies SET document = '{}'`)).toBe('42501');
      expect(await refusal(`UPDATE policies SET by = 'x'`)).toBe('42501');
      expect(await refusal('DELETE FROM policies')).toBe('42501');
    } finally {
      await app.close();
    }
    expect(await findPolicy(store.db, tenant)).toEqual({ version: 1, document: numbered(1) });
  });

  test('of one tenant is numbered by itself, and shows nothing of another', async () => {
    const [mine, theirs] = [await newTenant(store), await newTenant(store)];
    await put(theirs, numbered(1));
    await put(theirs, numbered(2));
    expect(await put(mine, numbered(3))).toEqual(stands(1));
    expect(await findPolicy(store.db, mine, 2)).toBeNull();
    expect(await versions(mine)).toHaveLength(1);
  });
});

describe('what a publish meets', () => {
  const terms = (tenant: string, channel = 'live', key = 'another') =>
    publishTerms(store.db, { tenant, channel, key });

  test('is the rule of its channel in the last version, and none where there is none', async () => {
    const tenant = await newTenant(store);
    expect(await terms(tenant)).toEqual({ isRepeated: false, onConflict: null });
    await put(tenant, Policy.parse({ channels: { live: { onConflict: 'reject' } } }));
    await put(tenant, Policy.parse({ channels: { live: { onConflict: 'queue' }, canary: {} } }));
    expect(await terms(tenant)).toEqual({ isRepeated: false, onConflict: 'queue' });
    expect(await terms(tenant, 'canary')).toMatchObject({ onConflict: null });
    expect(await terms(tenant, 'staging')).toMatchObject({ onConflict: null });
    await put(tenant, NO_POLICY);
    expect(await terms(tenant)).toMatchObject({ onConflict: null });
  });

  test('knows a key of its tenant that was used before', async () => {
    const [tenant, other] = [await newTenant(store), await newTenant(store)];
    await put(tenant, numbered(1), { idempotencyKey: 'mine' });
    expect(await terms(tenant, 'live', 'mine')).toMatchObject({ isRepeated: true });
    expect(await terms(tenant, 'live', 'other')).toMatchObject({ isRepeated: false });
    expect(await terms(other, 'live', 'mine')).toMatchObject({ isRepeated: false });
  });
});

test('a release keeps the version that it was admitted under', async () => {
  const tenant = await newTenant(store);
  await put(tenant, numbered(1));
  await readyToSwap(store, { tenant, bundle: 'bundle', version: 1 });
  await put(tenant, numbered(2));
  const { rows } = await store.owner.query(
    `SELECT policy_version FROM pointsman.releases WHERE tenant = $1`,
    [tenant],
  );
  expect(rows).toEqual([{ policy_version: '1' }]);
});
