import { randomUUID } from 'node:crypto';
import type { Socket } from 'node:net';

import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';

import { deliveryLimits } from '../../../services/hooks/limits.ts';
import { startApi, type TestApi } from '../../support/processes/api.ts';
import { signatureOf } from '../../support/servers/code-host.ts';
import { openSocket, responseOn } from '../../support/runs/raw-http.ts';
import { newTenant, startStore, type Store } from '../../support/worlds/store.ts';

const SECRET = 'sixteen-letters-';

let store: Store;
let api: TestApi;
/** The hooks of the first two tenants are flooded. The third tenant is their neighbour. */
let tenants: string[];

beforeAll(async () => {
  store = await startStore();
  // Restate is unreachable, so no workflow starts and a delivery stays recorded as received.
  api = await startApi({ appUrl: store.postgres.appUrl, ingressUrl: 'http://127.0.0.1:1' });
});
beforeEach(async () => {
  tenants = [await newTenant(store), await newTenant(store), await newTenant(store)];
  for (const tenant of tenants) {
    for (const hook of ['main', 'second']) {
      const rule = { provider: 'github', repository: 'octo/bot', ref: 'refs/heads/main', bundle: 'bundle' };
      const path = `/v1/tenants/${tenant}/hooks/${hook}`;
      await api.call('PUT', path, { json: { ...rule, secret: SECRET } });
    }
  }
});
const sockets: Socket[] = [];
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
});
afterAll(async () => {
  await api.stop();
  await store.stop();
});

/** Delivers a signed push as GitHub does. */
async function deliver(tenant: string, hook = 'main'): Promise<number> {
  const body = JSON.stringify({
    ref: 'refs/heads/main',
    after: 'a'.repeat(40),
    repository: { full_name: 'octo/bot' },
    head_commit: { id: 'a'.repeat(40), message: 'Change' },
    commits: [],
    padding: 'x'.repeat(20_000),
  });
  const headers = {
    authorization: '',
    'content-type': 'application/json',
    'x-github-event': 'push',
    'x-github-delivery': randomUUID(),
    'x-hub-signature-256': signatureOf(SECRET, body),
  };
  return (await api.call('POST', `/v1/tenants/${tenant}/hooks/${hook}/deliveries`, { headers, body })).status;
}

/**
 * Acts as a sender without a token or a secret: sends all but one byte of a large delivery, and then nothing more.
 */
async function stall(localAddress: string, tenant: string, hook: string): Promise<Socket> {
  const socket = await openSocket(api.url, { localAddress });
  sockets.push(socket);
  const size = deliveryLimits.bodyBytes;
  socket.write(
    `POST /v1/tenants/${tenant}/hooks/${hook}/deliveries HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\nContent-Length: ${size}\r\n\r\n`,
  );
  await new Promise<void>((resolve) => void socket.write(Buffer.alloc(size - 1, ' '), () => resolve()));
  return socket;
}

test.each([
  ['from their own addresses', '127.0.0.2', '127.0.0.3'],
  ['from the address of all other senders, as behind a proxy', '127.0.0.1', '127.0.0.1'],
])(
  'two senders without a token that stall deliveries to the hooks of two tenants, %s, do not block the deliveries to a third tenant',
  async (_how, one, two) => {
    const [first = '', second = '', third = ''] = tenants;
    for (let count = 0; count < 4; count++) {
      for (const hook of ['main', 'second', `unknown-${count}`]) {
        await stall(one, first, hook);
        await stall(two, second, hook);
      }
      await stall(one, `unknown-${count}`, 'main');
    }
    for (let count = 0; count < 5; count++) expect(await deliver(third)).toBe(202);
  },
);

test('a sender that stalls deliveries to a hook does not block deliveries to that hook from another address', async () => {
  const [tenant = ''] = tenants;
  for (let count = 0; count < 20; count++) await stall('127.0.0.2', tenant, 'main');
  for (let count = 0; count < 5; count++) expect(await deliver(tenant)).toBe(202);
});

test('any number of stalled deliveries to tenants and hooks that do not exist leaves room for existing tenants and hooks', async () => {
  const [tenant = ''] = tenants;
  for (let count = 0; count < 40; count++) await stall('127.0.0.1', `invented-${count}`, 'main');
  expect(await deliver(tenant)).toBe(202);
});

test('a stalled hook delivery gets 408 and is disconnected, for an existing hook and for an unknown one', async () => {
  const [tenant = ''] = tenants;
  const stalled = [await stall('127.0.0.1', tenant, 'main'), await stall('127.0.0.1', 'nobody', 'main')];
  for (const { status, headers, body } of await Promise.all(stalled.map(responseOn))) {
    expect([status, headers.get('connection')]).toEqual([408, 'close']);
    expect(body).toContain('"code":"too_slow"');
  }
});
