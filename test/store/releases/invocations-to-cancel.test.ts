import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';

import { prepareRelease } from '../../../services/postgres/releases/stages.ts';
import { contradictions } from '../../support/runs/record-check.ts';
import {
  admitRequest,
  admitted,
  AT,
  newTenant,
  readyToSwap,
  startStore,
  type Store,
  times,
} from '../../support/worlds/store.ts';

let store: Store;
beforeAll(async () => {
  store = await startStore();
});
afterAll(() => store.stop());
afterEach(async () => {
  expect(await contradictions(store.postgres.ownerUrl)).toEqual([]);
});

const release = (tenant: string, version: number) => ({ tenant, bundle: 'bundle', version });
const cancel = (tenant: string, version: number) =>
  store.admissions.requestCancel(release(tenant, version), { by: 'ann', reason: 'typo', at: AT });

describe('the invocations to cancel', () => {
  test('an admission lists the invocation of the running release that it supersedes, also when it is repeated, and not of one that has not begun its first step', async () => {
    const tenant = await newTenant(store);
    await readyToSwap(store, release(tenant, 1));
    const request = await admitRequest(store, release(tenant, 2), { supersedes: [1] });
    const superseded = [times.invocationId];
    expect(await store.admissions.admit(request)).toMatchObject({ kind: 'accepted', superseded });
    expect(await store.admissions.admit(request)).toMatchObject({ replayed: true, superseded });
    const newer = await admitRequest(store, release(tenant, 3), { supersedes: [2] });
    expect(await store.admissions.admit(newer)).toMatchObject({ kind: 'accepted', superseded: [] });
    expect(await prepareRelease(store.db, release(tenant, 2), 'live', times)).toEqual({ kind: 'closed' });
  });

  test('a cancellation returns the invocation of a running release, also when it is repeated, and none for a queued one', async () => {
    const tenant = await newTenant(store);
    await readyToSwap(store, release(tenant, 1));
    await admitted(store, release(tenant, 2), { placement: 'queue', inFlight: 1 });
    for (let n = 0; n < 2; n++) {
      expect(await cancel(tenant, 1)).toEqual({ kind: 'cancelling', invocations: [times.invocationId] });
      expect(await cancel(tenant, 2)).toEqual({ kind: 'cancelling', invocations: [] });
    }
  });
});
