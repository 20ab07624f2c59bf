import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';

import { findPointer, listMoves } from '../../../services/postgres/channels/pointers.ts';
import { contradictions } from '../../support/runs/record-check.ts';
import {
  AT,
  handRequest,
  holdRequest,
  newTenant,
  published,
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

const release = (tenant: string, version: number, bundle = 'bundle') => ({ tenant, bundle, version });
const pointer = (tenant: string, channel = 'live') => ({ tenant, bundle: 'bundle', channel });

describe('a move by hand', () => {
  test('a move by hand points the pointer to the artifact of the release, and a repeated request returns the same result', async () => {
    const tenant = await newTenant(store);
    const first = await published(store, release(tenant, 1));
    await published(store, release(tenant, 2));
    const request = handRequest({ tenant, version: 1 });
    const answer = await store.moves.moveByHand(request);
    const standing = {
      version: 1,
      digest: first,
      generation: 3,
      hold: null,
      movedAt: new Date(AT).toISOString(),
    };
    expect(answer).toEqual({ kind: 'moved', pointer: standing, replayed: false });
    expect(await store.moves.moveByHand(request)).toEqual({
      kind: 'moved',
      pointer: standing,
      replayed: true,
    });
    expect(await store.moves.moveByHand({ ...request, fingerprint: first })).toEqual({ kind: 'key_reused' });
    expect(await findPointer(store.db, pointer(tenant))).toEqual(standing);
  });

  test('a move by hand and the hold that it sets take effect together', async () => {
    const tenant = await newTenant(store);
    await published(store, release(tenant, 1));
    await published(store, release(tenant, 2));
    const answer = await store.moves.moveByHand(handRequest({ tenant, version: 1, hold: 'bad', by: 'bob' }));
    const hold = { reason: 'bad', by: 'bob', at: new Date(AT).toISOString() };
    expect(answer).toMatchObject({ kind: 'moved', pointer: { generation: 3, hold } });
    expect(await store.moves.moveByHand(handRequest({ tenant, version: 2 }))).toEqual({
      kind: 'held',
      reason: 'bad',
    });
  });

  test('a move to the current release changes nothing but sets the requested hold', async () => {
    const tenant = await newTenant(store);
    await published(store, release(tenant, 1));
    const unchanged = await store.moves.moveByHand(handRequest({ tenant, version: 1 }));
    expect(unchanged).toMatchObject({ kind: 'unchanged', pointer: { generation: 1, hold: null } });
    const held = await store.moves.moveByHand(handRequest({ tenant, version: 1, hold: 'stay' }));
    expect(held).toMatchObject({ kind: 'unchanged', pointer: { generation: 1, hold: { reason: 'stay' } } });
  });

  test('a move to an unpublished or unknown release, or with an outdated generation, is refused', async () => {
    const tenant = await newTenant(store);
    await published(store, release(tenant, 1));
    await readyToSwap(store, release(tenant, 2));
    const ask = (asked: Partial<Parameters<typeof handRequest>[0]>) =>
      store.moves.moveByHand(handRequest({ tenant, version: 1, ...asked }));
    expect(await ask({ version: 2 })).toEqual({ kind: 'not_promotable', outcome: null });
    expect(await ask({ version: 3 })).toEqual({ kind: 'no_release' });
    expect(await ask({ ifGeneration: 0 })).toMatchObject({ kind: 'stale', pointer: { generation: 1 } });
    expect(await ask({ tenant: 'nobody-knows' })).toEqual({ kind: 'no_tenant' });
    expect(await ask({ version: 2, channel: 'canary' })).toMatchObject({ kind: 'not_promotable' });
  });

  test('concurrent moves by 20 people form one linear history', async () => {
    const tenant = await newTenant(store);
    for (let version = 1; version <= 4; version++) await published(store, release(tenant, version));
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_none, i) => {
        const request = handRequest({ tenant, version: (i % 4) + 1 });
        return repeated(() => store.moves.moveByHand(request));
      }),
    );
    const generations = answers.flatMap((answer) =>
      answer.kind === 'moved' ? [answer.pointer.generation] : [],
    );
    expect(generations.toSorted((a, b) => a - b)).toEqual(generations.map((_generation, i) => 5 + i));
    expect(await listMoves(store.db, pointer(tenant), { limit: 100 })).toHaveLength(4 + generations.length);
  });

  test('a move to a channel without its own artifact uses the base artifact', async () => {
    const tenant = await newTenant(store);
    const base = await published(store, release(tenant, 1));
    expect(
      await store.moves.moveByHand(handRequest({ tenant, version: 1, channel: 'canary' })),
    ).toMatchObject({
      kind: 'moved',
      pointer: { version: 1, digest: base, generation: 1 },
    });
  });
});

describe('a hold', () => {
  test('a hold is set and lifted without moving the pointer', async () => {
    const tenant = await newTenant(store);
    await published(store, release(tenant, 1));
    const on = await store.moves.setHold(holdRequest({ tenant, reason: 'a' }));
    expect(on).toMatchObject({ kind: 'done', pointer: { generation: 1, hold: { reason: 'a', by: 'ann' } } });
    const off = await store.moves.setHold(holdRequest({ tenant, reason: null }));
    expect(off).toMatchObject({ kind: 'done', pointer: { generation: 1, hold: null } });
  });

  test('a hold needs an existing bundle and tenant', async () => {
    const tenant = await newTenant(store);
    expect(await store.moves.setHold(holdRequest({ tenant, reason: 'a' }))).toEqual({ kind: 'no_bundle' });
    expect(await store.moves.setHold(holdRequest({ tenant: 'nobody-knows' }))).toEqual({ kind: 'no_tenant' });
  });

  test('a repeated hold request with the same idempotency key does not set the hold again after it was lifted', async () => {
    const tenant = await newTenant(store);
    await published(store, release(tenant, 1));
    const request = holdRequest({ tenant, reason: 'a' });
    await store.moves.setHold(request);
    await store.moves.setHold(holdRequest({ tenant, reason: null }));
    await store.moves.setHold(request);
    expect(await findPointer(store.db, pointer(tenant))).toMatchObject({ hold: null });
  });
});
