import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';

import { digestOf } from '../../../packages/protocol/digest.ts';
import { NO_POLICY, type Policy } from '../../../core/policy.ts';
import { openDatabase } from '../../../services/postgres/database.ts';
import {
  findPolicy,
  listPolicies,
  type NewPolicy,
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

/** Creates a policy with different content for each number. */
const numbered = (n: number) => gated({ approval: { name: `release-${n}` } });

const put = (tenant: string, document: Policy, asked: Partial<NewPolicy> = {}) =>
  putPolicy(store.db, policyRequest(tenant, document, asked));
const versions = (tenant: string) => listPolicies(store.db, tenant, { limit: 1_000 });
const stands = (version: number, replayed = false) => ({ kind: 'stands', version, replayed });

describe('storing a policy', () => {
  test('policies are numbered from 1, and every version is kept with its author and message', async () => {
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

  test('storing the current policy changes nothing, and storing an earlier one creates a new version', async () => {
    const tenant = await newTenant(store);
    expect(await put(tenant, NO_POLICY)).toEqual(stands(0));
    await put(tenant, numbered(1));
    expect(await put(tenant, numbered(1), { message: 'again' })).toEqual(stands(1));
    expect(await versions(tenant)).toHaveLength(1);
    await put(tenant, NO_POLICY);
    expect(await put(tenant, numbered(1))).toEqual(stands(3));
  });

  test('a policy based on an outdated version is refused with the current version', async () => {
    const tenant = await newTenant(store);
    expect(await put(tenant, numbered(1), { ifVersion: 1 })).toEqual({ kind: 'stale', version: 0 });
    expect(await put(tenant, numbered(1), { ifVersion: 0 })).toEqual(stands(1));
    expect(await put(tenant, numbered(1), { ifVersion: 0 })).toEqual({ kind: 'stale', version: 1 });
    expect(await put(tenant, numbered(2), { ifVersion: 1 })).toEqual(stands(2));
  });

  test('a policy is stored once per idempotency key, even if another policy has replaced it since', async () => {
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

  test('an idempotency key that another request has used is refused', async () => {
    const tenant = await newTenant(store);
    await published(store, { tenant, bundle: 'bundle', version: 1 }, { idempotencyKey: 'mine' });
    expect(await put(tenant, numbered(1), { idempotencyKey: 'mine' })).toEqual({ kind: 'key_reused' });
    expect(await versions(tenant)).toEqual([]);
  });

  test('a policy for an unknown tenant is refused', async () => {
    expect(await put('nobody-knows', numbered(1))).toEqual({ kind: 'no_tenant' });
  });

  test('the audit contains a stored policy', async () => {
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

describe('concurrent policies', () => {
  test('twenty concurrent policies get twenty versions without a gap, and each request returns its own', async () => {
    const tenant = await newTenant(store);
    const answers = await Promise.all(Array.from({ length: 20 }, (_, n) => put(tenant, numbered(n))));
    const told = answers.map((answer) => (answer.kind === 'stands' ? answer.version : answer.kind));
    const expected = Array.from({ length: 20 }, (_, n) => n + 1);
    expect(told.toSorted((one, other) => Number(one) - Number(other))).toEqual(expected);
    expect((await versions(tenant)).map(({ version }) => version).toReversed()).toEqual(expected);
    for (const [n, version] of told.entries())
      expect(await findPolicy(store.db, tenant, Number(version))).toMatchObject({ document: numbered(n) });
  });

  test('of twenty concurrent policies based on one version, one is stored and nineteen are refused', async () => {
    const tenant = await newTenant(store);
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, n) => put(tenant, numbered(n), { ifVersion: 0 })),
    );
    expect(answers.filter(({ kind }) => kind === 'stands')).toEqual([stands(1)]);
    expect(answers.filter(({ kind }) => kind === 'stale')).toHaveLength(19);
  });

  test('twenty concurrent requests with one idempotency key store one version', async () => {
    const tenant = await newTenant(store);
    const same = policyRequest(tenant, numbered(1));
    const answers = await Promise.all(Array.from({ length: 20 }, () => putPolicy(store.db, same)));
    expect(answers.filter((answer) => answer.kind === 'stands' && !answer.replayed)).toEqual([stands(1)]);
    expect(answers.filter((answer) => answer.kind === 'stands' && answer.replayed)).toHaveLength(19);
  });
});

describe('the table of policies', () => {
  test('the table accepts only the next version, and the app can neither change nor delete rows', async () => {
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

  test('each tenant has its own version numbers, and sees no other tenant’s policies', async () => {
    const [mine, theirs] = [await newTenant(store), await newTenant(store)];
    await put(theirs, numbered(1));
    await put(theirs, numbered(2));
    expect(await put(mine, numbered(3))).toEqual(stands(1));
    expect(await findPolicy(store.db, mine, 2)).toBeNull();
    expect(await versions(mine)).toHaveLength(1);
  });
});

test('a release keeps the policy version under which it was admitted', async () => {
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
