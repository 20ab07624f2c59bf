import { afterAll, beforeAll, expect, test } from 'vitest';

import { startApi, type TestApi } from '../../support/processes/api.ts';
import { handRequest, newTenant, published, startStore, type Store } from '../../support/worlds/store.ts';

let store: Store;
let api: TestApi;

beforeAll(async () => {
  store = await startStore();
  api = await startApi({ appUrl: store.postgres.appUrl, ingressUrl: 'http://127.0.0.1:1' });
});
afterAll(async () => {
  await api.stop();
  await store.stop();
});

test('a rollback to a version selects the last move to that version before the move that is in effect, even if an earlier rollback has set a hold', async () => {
  const tenant = await newTenant(store);
  const move = async (version: number, more: { restores?: number; hold?: string } = {}) =>
    expect(await store.moves.moveByHand(handRequest({ tenant, version, ...more }))).toMatchObject({
      kind: 'moved',
    });
  for (const version of [1, 2]) await published(store, { tenant, bundle: 'bundle', version });
  await move(1);
  await published(store, { tenant, bundle: 'bundle', version: 3 }, { expectedGeneration: 3 });
  await move(1, { restores: 3 });
  await move(2, { restores: 2, hold: 'wait' });
  const path = `/v1/tenants/${tenant}/bundles/bundle/channels/live/rollback?version=1`;
  expect((await api.call('GET', path)).json).toMatchObject({ move: { generation: 1 } });
  await move(1, { restores: 1 });
});
