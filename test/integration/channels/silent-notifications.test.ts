import { afterAll, beforeAll, expect, test } from 'vitest';

import { type Notice, Notifications } from '../../../services/postgres/notifications.ts';
import { startSilentProxy } from '../../support/servers/silent-proxy.ts';
import { eventually } from '../../support/runs/eventually.ts';
import { handRequest, newTenant, published, startStore, type Store } from '../../support/worlds/store.ts';

let store: Store;
beforeAll(async () => {
  store = await startStore();
});
afterAll(async () => {
  await store.stop();
});

test('a database connection for notifications that receives no data but stays open is detected and replaced, and notifications arrive through the new one', async () => {
  const tenant = await newTenant(store);
  for (const version of [1, 2]) await published(store, { tenant, bundle: 'bundle', version });
  const url = new URL(store.postgres.appUrl);
  const proxy = await startSilentProxy(Number(url.port));
  url.port = String(proxy.port);
  const notifications = new Notifications(url.href, {
    listenAgainMs: 50,
    listenCheckMs: 200,
    listenSilenceMs: 200,
  });
  const heard: (Notice | null)[] = [];
  notifications.subscribe(tenant, 'bundle', (notice) => void heard.push(notice));
  try {
    notifications.start();
    await eventually(async () => heard.length === 1, { what: 'it listens' });
    // The proxy drops the bytes that it has swallowed, and closes no connection, so the listening connection must
    // detect the loss by itself.
    proxy.swallowOpen();
    await store.moves.moveByHand({ ...handRequest({ tenant, version: 1 }), at: Date.now() });
    await eventually(async () => heard.length === 2, {
      what: 'waiting callers are notified of the gap',
    });
    expect(heard).toEqual([null, null]);
    await store.moves.moveByHand({ ...handRequest({ tenant, version: 2 }), at: Date.now() });
    await eventually(async () => heard.some((notice) => notice?.kind === 'moved'), {
      what: 'a notification comes',
    });
  } finally {
    await notifications.close();
    await proxy.stop();
  }
});
