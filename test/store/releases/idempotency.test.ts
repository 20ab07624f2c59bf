import { afterAll, beforeAll, expect, test } from 'vitest';

import { claimKey, createTenantOnce } from '../../../services/postgres/tenants/idempotency.ts';
import { AT, newTenant, startStore, type Store } from '../../support/worlds/store.ts';

let store: Store;

beforeAll(async () => {
  store = await startStore();
});
afterAll(() => store.stop());

const key = { idempotencyKey: 'client/k1', fingerprint: 'asked', by: 'admin', at: AT };

test('a tenant is created once per idempotency key; another request with the key is refused, and a request with another key finds the tenant', async () => {
  const request = { tenant: 'made-once', ...key };
  expect(await createTenantOnce(store.db, request)).toBe('created');
  expect(await createTenantOnce(store.db, request)).toBe('replayed');
  expect(await createTenantOnce(store.db, { ...request, fingerprint: 'other' })).toBe('key_reused');
  expect(await createTenantOnce(store.db, { ...request, idempotencyKey: 'client/k2' })).toBe('exists');
});

test('of concurrent requests with one idempotency key, one claims the key and the others find it already used', async () => {
  const request = { tenant: await newTenant(store), ...key };
  const claims = await Promise.all([1, 2, 3, 4].map(() => claimKey(store.db, request)));
  expect(claims.toSorted()).toEqual(['claimed', 'known', 'known', 'known']);
  expect(await claimKey(store.db, { ...request, fingerprint: 'other' })).toBe('key_reused');
  expect(await claimKey(store.db, { ...request, tenant: await newTenant(store) })).toBe('claimed');
});
