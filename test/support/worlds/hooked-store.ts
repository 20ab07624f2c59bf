import { afterAll, afterEach, beforeAll, beforeEach, expect } from 'vitest';

import type { DeliveryName } from '../../../packages/protocol/hook.ts';
import type { ReleaseId } from '../../../packages/protocol/identifiers.ts';
import type { AdmitRequest } from '../../../handlers/ports/admissions.ts';
import { type DeliveryRecord, listDeliveries } from '../../../services/postgres/hooks/deliveries.ts';
import { findRelease, type ReleaseRecord } from '../../../services/postgres/releases/releases.ts';
import { originOf, receive, setHook } from '../data/hooks.ts';
import { contradictions } from '../runs/record-check.ts';
import { admitRequest, AT, newTenant, readyToSwap, startStore, type Store } from './store.ts';

/** A database with a tenant that has a hook, without other servers. */
export interface HookedStore {
  readonly store: Store;
  readonly tenant: string;
  named(delivery: string): DeliveryName;
  release(version: number): ReleaseId;
  /** Stores a delivery, as the API does. */
  arrives(delivery: string, over?: Parameters<typeof receive>[2]): ReturnType<typeof receive>;
  /** Admits the release of a delivery, as the Tenant object does. */
  admit(
    delivery: string,
    version: number,
    more?: Partial<AdmitRequest>,
  ): ReturnType<Store['admissions']['admit']>;
  /** Stores a delivery, and publishes it as a release that is live and settled. */
  publish(delivery: string, version: number): Promise<void>;
  find(delivery: string): Promise<DeliveryRecord | undefined>;
  /** The state of a delivery's commit status, as the ledger records it. */
  ledger(version: number): Promise<ReleaseRecord['effects'] | undefined>;
}

/** Sets up the database for each test of the calling file. Each test ends with a check of the database's invariants. */
export function hookedStore(): HookedStore {
  let store: Store;
  let tenant: string;
  beforeAll(async () => {
    store = await startStore();
  });
  beforeEach(async () => {
    tenant = await newTenant(store);
    await setHook(store.db, tenant);
  });
  afterEach(async () => {
    expect(await contradictions(store.postgres.ownerUrl)).toEqual([]);
  });
  afterAll(async () => {
    await store.stop();
  });
  const named = (delivery: string): DeliveryName => ({ tenant, hook: 'main', delivery });
  const release = (version: number): ReleaseId => ({ tenant, bundle: 'bundle', version });
  const arrives: HookedStore['arrives'] = (delivery, over) => receive(store.db, named(delivery), over);
  return {
    get store() {
      return store;
    },
    get tenant() {
      return tenant;
    },
    named,
    release,
    arrives,
    async admit(delivery, version, more = {}) {
      const asked = { origin: originOf(named(delivery)), idempotencyKey: `hook/main/${delivery}`, ...more };
      return store.admissions.admit(await admitRequest(store, release(version), asked));
    },
    async publish(delivery, version) {
      await arrives(delivery);
      await readyToSwap(store, release(version), { origin: originOf(named(delivery)) });
      const swap = { ...release(version), channel: 'live', expectedGeneration: version - 1, at: AT };
      expect(await store.moves.moveByRelease(swap)).toMatchObject({ kind: 'moved' });
    },
    async find(delivery) {
      const all = await listDeliveries(store.db, tenant, 'main', { limit: 100 });
      return all.find((one) => one.delivery === delivery);
    },
    async ledger(version) {
      const found = await findRelease(store.db, release(version));
      return found?.effects.filter(({ effect }) => effect === 'commit-status');
    },
  };
}
