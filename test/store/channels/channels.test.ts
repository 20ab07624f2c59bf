import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { requestLimits } from '../../../packages/protocol/limits.ts';
import { findPointer, findPointerMove, listPointers } from '../../../services/postgres/channels/pointers.ts';
import { setHook } from '../../support/data/hooks.ts';
import { INHERITED_NAMES } from '../../support/data/inherited-names.ts';
import {
  admitRequest,
  handRequest,
  holdRequest,
  newTenant,
  published,
  startStore,
  type Store,
} from '../../support/worlds/store.ts';

let store: Store;
beforeAll(async () => {
  store = await startStore();
});
afterAll(() => store.stop());

const release = (tenant: string, version: number) => ({ tenant, bundle: 'bundle', version });
const pointer = (tenant: string, channel = 'live') => ({ tenant, bundle: 'bundle', channel });
const channels = async (tenant: string) =>
  (await listPointers(store.db, tenant, 'bundle', { limit: 1_000 })).map(({ channel }) => channel);

async function admit(tenant: string, version: number, channel: string, createChannel: boolean) {
  return store.admissions.admit(
    await admitRequest(store, release(tenant, version), { channel, createChannel }),
  );
}

describe('a channel', () => {
  test('the first publish of a bundle creates its channel under any name', async () => {
    const tenant = await newTenant(store);
    expect(await admit(tenant, 1, 'staging', false)).toMatchObject({ kind: 'accepted' });
    expect(await findPointer(store.db, pointer(tenant, 'staging'))).toMatchObject({ generation: 0 });
  });

  test('an unknown channel is refused with a list of the existing channels, and no version number is used', async () => {
    const tenant = await newTenant(store);
    await published(store, release(tenant, 1));
    await published(store, release(tenant, 2), { channel: 'staging', expectedGeneration: 0 });
    const refused = { kind: 'no_channel', channels: ['live', 'staging'] };
    expect(await admit(tenant, 3, 'lvie', false)).toEqual(refused);
    const promotion = handRequest({ tenant, version: 1, channel: 'lvie', createChannel: false });
    expect(await store.moves.moveByHand(promotion)).toEqual(refused);
    expect(await store.moves.setHold(holdRequest({ tenant, channel: 'lvie', reason: 'a' }))).toEqual(refused);
    expect(await setHook(store.db, tenant, { channel: 'lvie', createChannel: false })).toEqual(refused);
    expect(await channels(tenant)).toEqual(['live', 'staging']);
    expect(await admit(tenant, 3, 'live', false)).toMatchObject({ kind: 'accepted', version: 3 });
  });

  test('a publish or a promotion creates a channel if its request asks for that', async () => {
    const tenant = await newTenant(store);
    await published(store, release(tenant, 1));
    expect(await admit(tenant, 2, 'canary', true)).toMatchObject({ kind: 'accepted' });
    const promotion = handRequest({ tenant, version: 1, channel: 'staging', createChannel: true });
    expect(await store.moves.moveByHand(promotion)).toMatchObject({ kind: 'moved' });
    expect(await channels(tenant)).toEqual(['canary', 'live', 'staging']);
    expect(await setHook(store.db, tenant, { channel: 'next', createChannel: true })).toMatchObject({
      kind: 'saved',
    });
    expect(await channels(tenant)).not.toContain('next');
  });

  test('the number of channels of a bundle is limited', async () => {
    const tenant = await newTenant(store);
    await published(store, release(tenant, 1));
    const limit = requestLimits.channelsPerBundle;
    await store.owner.query(
      `INSERT INTO pointsman.pointers (tenant, bundle, channel) SELECT $1, 'bundle', 'c' || n FROM generate_series(2, $2::integer) n`,
      [tenant, limit],
    );
    const refused = { kind: 'too_many_channels', limit };
    expect(await admit(tenant, 2, 'one-more', true)).toEqual(refused);
    const promotion = handRequest({ tenant, version: 1, channel: 'one-more' });
    expect(await store.moves.moveByHand(promotion)).toEqual(refused);
    expect(await admit(tenant, 2, 'c2', false)).toMatchObject({ kind: 'accepted' });
  });

  test('a refused publish does not create a channel', async () => {
    const tenant = await newTenant(store);
    await published(store, release(tenant, 1));
    const asked = { channel: 'canary', ifGeneration: 7 };
    expect(await store.admissions.admit(await admitRequest(store, release(tenant, 2), asked))).toMatchObject({
      kind: 'stale',
    });
    expect(await admit(tenant, 1, 'canary', true)).toEqual({ kind: 'version_taken' });
    expect(await channels(tenant)).toEqual(['live']);
  });

  test.each(INHERITED_NAMES.filter((name) => /^[a-z]+$/.test(name)))(
    'a channel may be called "%s", and is published to, held and read like any other',
    async (name) => {
      const tenant = await newTenant(store);
      await published(store, release(tenant, 1), { channel: name });
      expect(await store.moves.setHold(holdRequest({ tenant, channel: name, reason: 'a' }))).toMatchObject({
        kind: 'done',
        pointer: { generation: 1 },
      });
      const bundle = await store.admissions.readBundle(tenant, 'bundle');
      expect(Object.keys(bundle.channels)).toEqual([name]);
    },
  );
});

describe('a rollback', () => {
  const back = (tenant: string, version: number, restores: number, more: object = {}) =>
    store.moves.moveByHand(handRequest({ tenant, version, restores, ...more }));

  async function three(): Promise<string> {
    const tenant = await newTenant(store);
    for (const version of [1, 2, 3]) await published(store, release(tenant, version));
    return tenant;
  }

  test('a rollback is recorded with the move that it restores, which is never itself a rollback', async () => {
    const tenant = await three();
    await back(tenant, 2, 2);
    await back(tenant, 1, 1);
    expect(await findPointerMove(store.db, pointer(tenant), 5)).toMatchObject({
      restores: 1,
      to: { version: 1 },
    });
    // Generation 6 restores generation 4, which itself restored generation 2. It must be recorded as a restore of
    // generation 2.
    await back(tenant, 2, 4);
    expect(await findPointerMove(store.db, pointer(tenant), 6)).toMatchObject({ restores: 2 });
  });

  test('a rollback to a release that the pointer did not refer to at the given generation is refused', async () => {
    const tenant = await three();
    expect(await back(tenant, 1, 2)).toEqual({ kind: 'no_move' });
    expect(await back(tenant, 1, 9)).toEqual({ kind: 'no_move' });
    expect(await findPointer(store.db, pointer(tenant))).toMatchObject({ generation: 3 });
  });

  test('a rollback is allowed during a hold and keeps the hold, and a promotion is refused', async () => {
    const tenant = await three();
    await back(tenant, 2, 2, { hold: 'v3 is rude' });
    expect(await store.moves.moveByHand(handRequest({ tenant, version: 3 }))).toMatchObject({ kind: 'held' });
    expect(await back(tenant, 1, 1)).toMatchObject({
      kind: 'moved',
      pointer: { version: 1, hold: { reason: 'v3 is rude' } },
    });
  });

  test('a rollback to a move later than the one in effect is a forward move, so a hold refuses it', async () => {
    const tenant = await three();
    await back(tenant, 2, 2, { hold: 'v3 is rude' });
    expect(await back(tenant, 3, 3)).toEqual({ kind: 'held', reason: 'v3 is rude' });
    await back(tenant, 1, 1);
    // Generation 4 has the content of generation 2, which is later than generation 1. So this rollback moves forward,
    // and the hold refuses it.
    expect(await back(tenant, 2, 4)).toMatchObject({ kind: 'held' });
    expect(await findPointer(store.db, pointer(tenant))).toMatchObject({ generation: 5, version: 1 });
    await store.moves.setHold(holdRequest({ tenant, reason: null }));
    expect(await back(tenant, 3, 3)).toMatchObject({ kind: 'moved', pointer: { version: 3 } });
  });

  test('a rollback that is repeated with its idempotency key moves the pointer once', async () => {
    const tenant = await three();
    const asked = { idempotencyKey: 'one' };
    await back(tenant, 2, 2, asked);
    expect(await back(tenant, 2, 2, asked)).toMatchObject({ kind: 'moved', replayed: true });
    expect(await findPointer(store.db, pointer(tenant))).toMatchObject({ generation: 4 });
  });
});
