import { createHash, randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';

import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';

import { digestOf } from '../../../packages/protocol/digest.ts';
import { responseLimits } from '../../../services/api/limits.ts';
import { responseShares } from '../../../services/api/access/share-limits.ts';
import { storeBlobs } from '../../../services/postgres/content/blobs.ts';
import { startApi, type TestApi } from '../../support/processes/api.ts';
import { collectGarbage } from '../../support/runs/collect-garbage.ts';
import { eventually } from '../../support/runs/eventually.ts';
import { openSocket, responseOn } from '../../support/runs/raw-http.ts';
import { newTenant, published, startStore, type Store } from '../../support/worlds/store.ts';
import { madeToken } from '../../support/data/tokens.ts';

const MiB = 1024 * 1024;
const { sliceBytes } = responseLimits;

let store: Store;
let api: TestApi;
/** `greedy` is the tenant whose clients do not read. `other` must not notice. */
let greedy: string;
let other: string;

beforeAll(async () => {
  store = await startStore();
  api = await startApi({ appUrl: store.postgres.appUrl, ingressUrl: 'http://127.0.0.1:1' });
  [greedy, other] = [await newTenant(store), await newTenant(store)];
});
const sockets: Socket[] = [];
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await eventually(async () => (await heldBytes(api)) === 0, { what: 'nothing is held any more' });
});
afterAll(async () => {
  await api.stop();
  await store.stop();
});

async function heldBytes(of: TestApi): Promise<number> {
  const { text } = await of.call('GET', '/metrics');
  return Number(/^pointsman_response_bytes_held (\d+)$/m.exec(text)?.[1]);
}

/** Returns the size of the buffers of this process that are still referenced. The API runs in this process. */
function bufferBytesInUse(): number {
  collectGarbage();
  return process.memoryUsage().arrayBuffers;
}

const viewer = (tenant: string, name: string): Promise<string> =>
  madeToken(api, { name, tenant, roles: ['viewer'] }).then(({ token }) => token);

/** Stores a blob for that tenant and returns its address. */
async function stored(tenant: string, content: Buffer): Promise<string> {
  const digest = digestOf(content);
  await storeBlobs(store.db, tenant, [{ digest, mediaType: 'application/octet-stream', content }]);
  return `/v1/tenants/${tenant}/blobs/${digest}`;
}

/** Sends a request and does not read the response. */
async function requestWithoutReading(of: TestApi, path: string, token: string): Promise<Socket> {
  const socket = await openSocket(of.url);
  sockets.push(socket);
  socket.pause();
  socket.write(`GET ${path} HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer ${token}\r\n\r\n`);
  return socket;
}

async function reads(of: TestApi, path: string, token: string): Promise<{ status: number; digest: string }> {
  const response = await fetch(of.url + path, { headers: { authorization: `Bearer ${token}` } });
  const hash = createHash('sha256');
  for await (const chunk of response.body ?? []) hash.update(chunk as Uint8Array);
  return { status: response.status, digest: `sha256:${hash.digest('hex')}` };
}

test.each([0, 1, sliceBytes - 1, sliceBytes, sliceBytes + 1, 3 * sliceBytes, 5 * sliceBytes + 7])(
  'content of %i bytes arrives complete, even when PostgreSQL stores it compressed',
  async (bytes) => {
    const token = await viewer(greedy, `reader-${bytes}`);
    const compressible = Buffer.alloc(bytes, 'Give refunds where they are due. ');
    for (const content of [randomBytes(bytes), compressible]) {
      const path = await stored(greedy, content);
      expect(await reads(api, path, token)).toEqual({ status: 200, digest: digestOf(content) });
      const head = await api.call('HEAD', path);
      expect([head.status, head.headers.get('content-length')]).toEqual([200, String(bytes)]);
    }
  },
);

test('clients that do not read their responses make the API hold a bounded amount of memory, while other tokens and other tenants are served', async () => {
  const content = randomBytes(16 * MiB);
  const [path, theirs] = [await stored(greedy, content), await stored(other, content)];
  const [hostile, second, third] = [
    await viewer(greedy, 'hostile'),
    await viewer(greedy, 'second'),
    await viewer(other, 'third'),
  ];
  const before = bufferBytesInUse();
  for (let count = 0; count < 60; count++) await requestWithoutReading(api, path, hostile);
  await eventually(async () => (await heldBytes(api)) > 30 * MiB, {
    what: 'the share of one token is in use',
  });
  const whole = { status: 200, digest: digestOf(content) };
  expect(await reads(api, path, second)).toEqual(whole);
  expect(await reads(api, theirs, third)).toEqual(whole);
  expect((await reads(api, path, hostile)).status).toBe(429);
  expect(await heldBytes(api)).toBeLessThanOrEqual(0.15 * responseShares.capacity);
  // If the API held the whole content for each of the sixty clients, it would hold 960 MiB.
  expect(bufferBytesInUse() - before).toBeLessThan(128 * MiB);
});

test('a client that does not read its response is disconnected, and the memory of the response is freed', async () => {
  const strict = await startApi({
    appUrl: store.postgres.appUrl,
    ingressUrl: 'http://127.0.0.1:1',
    limits: { responseSilenceMs: 500 },
  });
  try {
    const token = await viewer(greedy, 'slow');
    const path = await stored(greedy, randomBytes(16 * MiB));
    for (let count = 0; count < 5; count++) await requestWithoutReading(strict, path, token);
    await eventually(async () => (await heldBytes(strict)) > 0, { what: 'it is being sent' });
    await eventually(async () => (await heldBytes(strict)) === 0, { what: 'all of them were disconnected' });
    // A client that keeps reading is never disconnected, however long the transfer takes.
    expect((await reads(strict, path, token)).status).toBe(200);
  } finally {
    for (const socket of sockets.splice(0)) socket.destroy();
    await strict.stop();
  }
});

test('a long-poll that waits behind another response is not disconnected by the time limit for clients that do not read', async () => {
  const strict = await startApi({
    appUrl: store.postgres.appUrl,
    ingressUrl: 'http://127.0.0.1:1',
    limits: { responseSilenceMs: 500 },
  });
  try {
    await published(store, { tenant: other, bundle: 'bundle', version: 1 });
    const token = await viewer(other, 'long-poll');
    const socket = await openSocket(strict.url);
    sockets.push(socket);
    const head = `HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer ${token}\r\n`;
    const pointer = `/v1/tenants/${other}/bundles/bundle/channels/live?wait=3s`;
    socket.write(
      `GET /healthz ${head}\r\nGET ${pointer} ${head}If-None-Match: "1"\r\nConnection: close\r\n\r\n`,
    );
    const { body } = await responseOn(socket);
    expect(body).toContain('HTTP/1.1 304 ');
  } finally {
    await strict.stop();
  }
});

test('a client that pipelines requests and does not read the responses makes the API hold slices of only one response', async () => {
  const token = await viewer(greedy, 'pipelining');
  const path = await stored(greedy, randomBytes(16 * MiB));
  const socket = await openSocket(api.url);
  sockets.push(socket);
  socket.pause();
  const asked = `GET ${path} HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer ${token}\r\n\r\n`;
  socket.write(asked.repeat(10));
  await eventually(async () => (await heldBytes(api)) > 0, { what: 'its share is in use' });
  expect(await heldBytes(api)).toBe(responseLimits.slices * sliceBytes);
});
