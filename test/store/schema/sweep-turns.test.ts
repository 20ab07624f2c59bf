import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';

import { retentionLimits } from '../../../core/limits/storage-limits.ts';
import { sweepContent, tenantsToSweep } from '../../../services/postgres/upkeep/retention.ts';
import { newTenant, putSource, startStore, type Store } from '../../support/worlds/store.ts';

let store: Store;
let tenant: string;

beforeAll(async () => {
  store = await startStore();
});
beforeEach(async () => {
  tenant = await newTenant(store);
});
afterAll(() => store.stop());

test('tenants are swept in turn, sorted by name, however much content of one tenant is due', async () => {
  const many = retentionLimits.tenants;
  await store.owner.query(
    `INSERT INTO pointsman.sources (tenant, digest, entries, check_at)
     SELECT $1, 'sha256:' || encode(sha256(n::text::bytea), 'hex'), '[]', now() - interval '1 day' FROM generate_series(1, $2) n`,
    [tenant, many + 1],
  );
  const later = await newTenant(store);
  await putSource(store, later, 'due');
  await store.owner.query(
    `UPDATE pointsman.sources SET check_at = now() - interval '1 minute' WHERE tenant = $1`,
    [later],
  );
  const swept = await tenantsToSweep(store.db);
  expect(swept).toEqual(expect.arrayContaining([tenant, later]));
  expect(swept).toEqual([...new Set(swept)].toSorted());
  const [first, last] = [tenant, later].toSorted();
  expect(await tenantsToSweep(store.db, first)).toContain(last);
  expect(await tenantsToSweep(store.db, first)).not.toContain(first);
  await store.owner.query('DELETE FROM pointsman.sources WHERE tenant = $1', [tenant]);
});

test('one call of the sweep deletes source listings up to a limit of bytes, and later calls delete the rest', async () => {
  await store.owner.query(
    `INSERT INTO pointsman.sources (tenant, digest, entries, check_at)
     SELECT $1, 'sha256:' || encode(sha256(n::text::bytea), 'hex'),
       (SELECT jsonb_agg(jsonb_build_object('path', gen_random_uuid(), 'digest', gen_random_uuid(), 'size', n + i)) FROM generate_series(1, 200) i), now() - interval '1 day'
     FROM generate_series(1, 10) n`,
    [tenant],
  );
  const left = async () =>
    (await store.owner.query('SELECT FROM pointsman.sources WHERE tenant = $1', [tenant])).rowCount ?? 0;
  const { rows } = await store.owner.query<{ size: number }>(
    'SELECT max(pg_column_size(entries)) AS size FROM pointsman.sources WHERE tenant = $1',
    [tenant],
  );
  const sweepOf = (most: number) => store.db.answer(tenant, 'sweep_content($1, $2, $3)', [1_000, most]);
  await sweepOf(3 * (rows[0]?.size ?? 0));
  expect(await left()).toBeGreaterThan(5);
  expect(await left()).toBeLessThan(9);
  // Every sweep deletes at least one listing, even one that is larger than the limit.
  const before = await left();
  await sweepOf(1);
  expect(await left()).toBe(before - 1);
  while ((await sweepContent(store.db, tenant)) > 0);
  expect(await left()).toBe(0);
});
