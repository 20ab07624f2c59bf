import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';

import { tenantLimits } from '../../../core/limits/limits.ts';
import { findRelease, listReleases } from '../../../services/postgres/releases/releases.ts';
import { contradictions } from '../../support/runs/record-check.ts';
import {
  admitRequest,
  admitted,
  AT,
  holdRequest,
  newTenant,
  published,
  putSource,
  readyToSwap,
  repeated,
  startStore,
  type Store,
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
const ask = async (tenant: string, version: number, asked: Parameters<typeof admitRequest>[2] = {}) =>
  store.admissions.admit(await admitRequest(store, release(tenant, version), asked));
const cancel = (tenant: string, version: number) =>
  store.admissions.requestCancel(release(tenant, version), { by: 'ann', reason: 'typo', at: AT });
const all = (tenant: string) => listReleases(store.db, tenant, 'bundle', { limit: 100 });

describe('admitting a release', () => {
  test('an unknown tenant is refused, and nothing is stored', async () => {
    const tenant = await newTenant(store);
    const request = await admitRequest(store, release(tenant, 1));
    expect(await store.admissions.admit({ ...request, tenant: 'nobody-knows' })).toEqual({
      kind: 'no_tenant',
    });
    expect(await all('nobody-knows')).toEqual([]);
  });

  test('a repeated admission returns the same result and creates one release', async () => {
    const tenant = await newTenant(store);
    const request = await admitRequest(store, release(tenant, 1));
    expect(await store.admissions.admit(request)).toMatchObject({
      kind: 'accepted',
      version: 1,
      replayed: false,
      superseded: [],
    });
    // When a request is repeated, the state of the Tenant object may have changed. It may send another version,
    // another placement and another time.
    const again = { ...request, version: 2, placement: 'full', inFlight: 1, at: AT + 1 } as const;
    expect(await store.admissions.admit(again)).toMatchObject({
      kind: 'accepted',
      version: 1,
      replayed: true,
      superseded: [],
    });
    expect(await all(tenant)).toHaveLength(1);
  });

  test('an idempotency key that another request has used is refused', async () => {
    const tenant = await newTenant(store);
    const request = await admitRequest(store, release(tenant, 1));
    await store.admissions.admit(request);
    const other = await admitRequest(store, release(tenant, 2), { idempotencyKey: request.idempotencyKey });
    expect(await store.admissions.admit(other)).toEqual({ kind: 'key_reused' });
    expect(await all(tenant)).toHaveLength(1);
  });

  test('a release whose caller has stopped waiting is not admitted, and a repeated request for an admitted one returns it', async () => {
    const tenant = await newTenant(store);
    const request = await admitRequest(store, release(tenant, 1));
    const admitBefore = (ms: number) => store.admissions.admit({ ...request, admitBefore: Date.now() + ms });
    expect(await admitBefore(-1_000)).toEqual({ kind: 'too_late' });
    expect(await all(tenant)).toEqual([]);
    expect(await admitBefore(60_000)).toMatchObject({ kind: 'accepted', replayed: false });
    expect(await admitBefore(-1_000)).toMatchObject({ kind: 'accepted', replayed: true });
  });

  test('a version number that is in use is refused with that reason, whatever the idempotency key is', async () => {
    const tenant = await newTenant(store);
    await admitted(store, release(tenant, 1));
    await admitted(store, release(tenant, 5));
    expect(await ask(tenant, 1)).toEqual({ kind: 'version_taken' });
    expect(await ask(tenant, 3)).toEqual({ kind: 'version_taken' });
    expect(await ask(tenant, 6)).toMatchObject({ kind: 'accepted', version: 6 });
  });

  test('a held pointer refuses admissions with the reason of the hold', async () => {
    const tenant = await newTenant(store);
    await published(store, release(tenant, 1));
    await store.moves.setHold(holdRequest({ tenant, reason: 'incident' }));
    expect(await ask(tenant, 2)).toEqual({ kind: 'held', reason: 'incident' });
    expect(await ask(tenant, 2, { channel: 'canary' })).toMatchObject({ kind: 'accepted' });
  });

  test('an admission with an outdated generation is refused with the current pointer', async () => {
    const tenant = await newTenant(store);
    const digest = await published(store, release(tenant, 1));
    expect(await ask(tenant, 2, { ifGeneration: 0 })).toEqual({
      kind: 'stale',
      pointer: { version: 1, digest, generation: 1, hold: null, movedAt: new Date(AT).toISOString() },
    });
    expect(await ask(tenant, 2, { ifGeneration: 1 })).toMatchObject({ kind: 'accepted' });
    expect(await ask(tenant, 3, { ifGeneration: 0, channel: 'new' })).toMatchObject({ kind: 'accepted' });
  });

  test('an admission of a release that may not start returns the release in flight, or the limit of the queue', async () => {
    const tenant = await newTenant(store);
    await admitted(store, release(tenant, 1));
    expect(await ask(tenant, 2, { placement: 'reject', inFlight: 1 })).toEqual({
      kind: 'conflict',
      version: 1,
    });
    expect(await ask(tenant, 2, { placement: 'full', inFlight: 1 })).toEqual({
      kind: 'queue_full',
      limit: tenantLimits.queuedPerPointer,
    });
    expect(await all(tenant)).toHaveLength(1);
  });

  test('an admission of a release that may not start returns that the slot is free as soon as the release in flight has settled', async () => {
    const tenant = await newTenant(store);
    await readyToSwap(store, release(tenant, 1));
    for (const placement of ['reject', 'full', 'queue'] as const) {
      expect((await ask(tenant, 2, { placement, inFlight: 1, idempotencyKey: placement })).kind).not.toBe(
        'slot_free',
      );
      if (placement === 'queue')
        await store.admissions.requestCancel(release(tenant, 2), { by: 'x', reason: null, at: AT });
    }
    await store.moves.moveByRelease({
      ...release(tenant, 1),
      channel: 'live',
      expectedGeneration: 0,
      at: AT,
    });
    for (const placement of ['reject', 'full', 'queue'] as const) {
      expect(await ask(tenant, 3, { placement, inFlight: 1 })).toEqual({ kind: 'slot_free' });
    }
  });

  test('an admission needs a stored source of the same tenant', async () => {
    const tenant = await newTenant(store);
    const other = await newTenant(store);
    const { digest } = await putSource(store, other, 'only theirs');
    expect(await ask(tenant, 1, { source: digest })).toEqual({ kind: 'no_source' });
    expect(await all(tenant)).toEqual([]);
  });

  test('of 20 concurrent admissions with one version number, exactly one is accepted', async () => {
    const tenant = await newTenant(store);
    const requests = await Promise.all(
      Array.from({ length: 20 }, () => repeated(() => admitRequest(store, release(tenant, 1)))),
    );
    const answers = await Promise.all(
      requests.map((request) => repeated(() => store.admissions.admit(request))),
    );
    expect(answers.filter(({ kind }) => kind === 'accepted')).toHaveLength(1);
    expect(answers.filter(({ kind }) => kind === 'version_taken')).toHaveLength(19);
  });

  test('20 concurrent admissions with one idempotency key create one release, and all return it', async () => {
    const tenant = await newTenant(store);
    const request = await admitRequest(store, release(tenant, 1));
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => repeated(() => store.admissions.admit(request))),
    );
    expect(answers.filter((answer) => answer.kind === 'accepted' && answer.version === 1)).toHaveLength(20);
    expect(answers.filter((answer) => answer.kind === 'accepted' && !answer.replayed)).toHaveLength(1);
    expect(await all(tenant)).toHaveLength(1);
  });
});

describe('superseding releases', () => {
  test('a newer release marks the running release as superseded and settles the queued releases', async () => {
    const tenant = await newTenant(store);
    await admitted(store, release(tenant, 1));
    await admitted(store, release(tenant, 2), { placement: 'queue', inFlight: 1 });
    await admitted(store, release(tenant, 3), { supersedes: [1, 2] });
    expect(await findRelease(store.db, release(tenant, 1))).toMatchObject({
      status: 'running',
      outcome: null,
      supersededBy: 3,
    });
    expect(await findRelease(store.db, release(tenant, 2))).toMatchObject({
      status: 'settled',
      outcome: 'superseded',
      reason: 'superseded by v3',
      supersededBy: 3,
    });
  });

  test('a release that has moved its pointer, was cancelled first, or has settled is not superseded', async () => {
    const tenant = await newTenant(store);
    await published(store, release(tenant, 1));
    await admitted(store, release(tenant, 2));
    await store.admissions.requestCancel(release(tenant, 2), { by: 'ann', reason: 'typo', at: AT });
    await admitted(store, release(tenant, 3), { placement: 'queue', inFlight: 2 });
    await store.admissions.requestCancel(release(tenant, 3), { by: 'ann', reason: 'typo', at: AT });
    await admitted(store, release(tenant, 4), { supersedes: [1, 2, 3] });
    expect(await findRelease(store.db, release(tenant, 1))).toMatchObject({
      outcome: 'published',
      supersededBy: null,
    });
    const close = { outcome: 'errored', yieldsToIntent: true, reason: 'x', stage: null, at: AT } as const;
    expect(await store.settlements.close(release(tenant, 2), close)).toMatchObject({ outcome: 'cancelled' });
    expect(await findRelease(store.db, release(tenant, 3))).toMatchObject({ outcome: 'cancelled' });
  });
});

describe('a queued release', () => {
  test('a queued release leaves the queue once, and a repeat returns the same result', async () => {
    const tenant = await newTenant(store);
    await admitted(store, release(tenant, 1), { placement: 'queue', inFlight: null });
    expect(await store.admissions.leaveQueue(release(tenant, 1))).toBe(true);
    expect(await store.admissions.leaveQueue(release(tenant, 1))).toBe(true);
    expect(await findRelease(store.db, release(tenant, 1))).toMatchObject({ status: 'running' });
  });

  test('a queued release that was cancelled or superseded, or never existed, does not start', async () => {
    const tenant = await newTenant(store);
    for (const version of [1, 2]) await admitted(store, release(tenant, version), { placement: 'queue' });
    await store.admissions.requestCancel(release(tenant, 1), { by: 'ann', reason: null, at: AT });
    await admitted(store, release(tenant, 3), { supersedes: [2] });
    for (const version of [1, 2, 9]) {
      expect(await store.admissions.leaveQueue(release(tenant, version)), `v${version}`).toBe(false);
    }
  });
});

describe('cancelling a release', () => {
  test('cancelling a queued release settles it immediately, with the author and the reason', async () => {
    const tenant = await newTenant(store);
    await admitted(store, release(tenant, 1), { placement: 'queue' });
    expect(await cancel(tenant, 1)).toMatchObject({ kind: 'cancelling' });
    expect(await findRelease(store.db, release(tenant, 1))).toMatchObject({
      status: 'settled',
      outcome: 'cancelled',
      reason: 'cancelled by ann: typo',
    });
    // A repeated request to cancel gets the same result.
    expect(await cancel(tenant, 1)).toMatchObject({ kind: 'cancelling' });
  });

  test('cancelling a running release marks it; cancelling is too late after the pointer has moved, and fails for an unknown release', async () => {
    const tenant = await newTenant(store);
    await admitted(store, release(tenant, 1));
    expect(await cancel(tenant, 1)).toMatchObject({ kind: 'cancelling' });
    expect(await cancel(tenant, 1)).toMatchObject({ kind: 'cancelling' });
    expect(await findRelease(store.db, release(tenant, 1))).toMatchObject({ status: 'running' });
    await readyToSwap(store, release(tenant, 2));
    await store.moves.moveByRelease({
      ...release(tenant, 2),
      channel: 'live',
      expectedGeneration: 0,
      at: AT,
    });
    expect(await cancel(tenant, 2)).toEqual({ kind: 'settled', outcome: 'published' });
    expect(await cancel(tenant, 3)).toEqual({ kind: 'no_release' });
  });
});

describe('the state of a bundle', () => {
  test('the state has the last version, and per channel the generation, the release in flight and the queue in order', async () => {
    const tenant = await newTenant(store);
    await published(store, release(tenant, 1));
    await readyToSwap(store, release(tenant, 2));
    await admitted(store, release(tenant, 3), { placement: 'queue', inFlight: 2 });
    await admitted(store, release(tenant, 4), { placement: 'queue', inFlight: 2 });
    await admitted(store, release(tenant, 5), { channel: 'canary' });
    const sources = new Map((await all(tenant)).map(({ version, source }) => [version, source]));
    expect(await store.admissions.readBundle(tenant, 'bundle')).toEqual({
      lastVersion: 5,
      channels: {
        live: {
          generation: 1,
          inFlight: { version: 2 },
          queue: [3, 4].map((version) => ({ version, source: sources.get(version) })),
        },
        canary: { generation: 0, inFlight: { version: 5 }, queue: [] },
      },
    });
  });

  test('the state of an unknown bundle is empty', async () => {
    const tenant = await newTenant(store);
    expect(await store.admissions.readBundle(tenant, 'bundle')).toEqual({ lastVersion: 0, channels: {} });
  });
});
