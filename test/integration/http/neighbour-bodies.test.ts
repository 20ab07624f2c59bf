import type { Socket } from 'node:net';

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { bodyPace } from '../../../services/api/limits.ts';
import { bodyShares } from '../../../services/api/access/share-limits.ts';
import { startApi, type TestApi } from '../../support/processes/api.ts';
import { archiveOf } from '../../support/data/archives.ts';
import { eventually } from '../../support/runs/eventually.ts';
import { openSocket, responseOn } from '../../support/runs/raw-http.ts';
import { newTenant, startStore, type Store } from '../../support/worlds/store.ts';

const MiB = 1024 * 1024;

let store: Store;
let api: TestApi;
/** Two tenants that send hostile uploads, and a third tenant that must not notice. */
let first: string;
let second: string;
let third: string;

beforeAll(async () => {
  store = await startStore();
  // A dry run reads and compiles a source like a publish, but works without Restate.
  api = await startApi({ appUrl: store.postgres.appUrl, ingressUrl: 'http://127.0.0.1:1' });
});
beforeEach(async () => {
  [first, second, third] = [await newTenant(store), await newTenant(store), await newTenant(store)];
});
afterAll(async () => {
  await api.stop();
  await store.stop();
});

const publishPath = (tenant: string): string => `/v1/tenants/${tenant}/bundles/bundle/releases?dryRun=true`;

async function heldBytes(): Promise<number> {
  const { text } = await api.call('GET', '/metrics');
  return Number(/^pointsman_publish_bytes_held (\d+)$/m.exec(text)?.[1]);
}

/** Sends a dry run of a source with one file of that size. Returns the status of the response. */
async function publishes(tenant: string, bytes = 20): Promise<number> {
  const json = { files: { 'file.txt': 'x'.repeat(bytes) } };
  return (await api.call('POST', publishPath(tenant), { json })).status;
}

describe('uploads that stall', () => {
  const sockets: Socket[] = [];
  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy();
    await eventually(async () => (await heldBytes()) === 0, { what: 'nothing is held any more' });
  });

  /** Sends the head of a request with a body of `declared` bytes, but only the first `sent` bytes of the body. */
  async function stall(
    path: string,
    { declared, sent }: { declared: number; sent: number },
  ): Promise<Socket> {
    const socket = await openSocket(api.url);
    sockets.push(socket);
    socket.write(
      `POST ${path} HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer ${api.adminToken}\r\n` +
        `Content-Type: application/json\r\nContent-Length: ${declared}\r\n\r\n`,
    );
    if (sent > 0) socket.write(Buffer.alloc(sent, ' '));
    return socket;
  }

  test('leave room for the publishes of a third tenant, even if they fill the memory shares of two tenants', async () => {
    const uploads = [first, first, first, second, second, second];
    for (const tenant of uploads) await stall(publishPath(tenant), { declared: 47 * MiB, sent: 42 * MiB });
    const most = (3 / 4) * 0.75 * bodyShares.capacity;
    // Each of the two tenants can hold at least one whole upload, and both together stay below the maximum.
    await eventually(async () => (await heldBytes()) >= 2 * 40 * MiB, {
      what: 'the stalled uploads are held',
    });
    for (let round = 0; round < 10; round++) expect(await publishes(third)).toBe(200);
    expect(await publishes(third, 7 * MiB)).toBe(200);
    expect(await heldBytes()).toBeLessThanOrEqual(most);
  });

  test('count against the memory share of their tenant only with the bytes that have arrived, and not with their Content-Length', async () => {
    for (let count = 0; count < 8; count++)
      await stall(publishPath(first), { declared: 47 * MiB, sent: 1_000 });
    await eventually(async () => (await heldBytes()) > 0, { what: 'the uploads have begun' });
    expect(await heldBytes()).toBeLessThanOrEqual(8_000);
    expect(await publishes(first, 7 * MiB)).toBe(200);
  });

  test('get 408 and are disconnected, for a publish and for other JSON bodies, even if only one byte is missing', async () => {
    const stalled = await Promise.all([
      stall(publishPath(first), { declared: 10 * MiB, sent: 5 * MiB }),
      stall(`/v1/tenants/${first}/bundles/bundle/releases/1/cancel`, { declared: 100, sent: 99 }),
      stall('/v1/tokens', { declared: 60_000, sent: 0 }),
    ]);
    const responses = await Promise.all(stalled.map(responseOn));
    for (const { status, headers, body } of responses) {
      expect([status, headers.get('connection')]).toEqual([408, 'close']);
      expect(JSON.parse(body)).toMatchObject({
        code: 'too_slow',
        detail: expect.stringContaining(`${bodyPace.bytes} bytes`) as string,
      });
    }
    expect(await heldBytes()).toBe(0);
  });
});

describe('archives that unpack to a large size', () => {
  let archive: Buffer;
  beforeAll(async () => {
    // The archive contains four files of 7.5 MiB each, and compresses to about 30 KB.
    const files = [1, 2, 3, 4].map((fill) => ({
      name: `${fill}.bin`,
      content: Buffer.alloc(7.5 * MiB, fill),
    }));
    archive = await archiveOf(files);
    expect(archive.byteLength).toBeLessThan(200_000);
  });

  const sendsArchive = async (tenant: string, body: Buffer): Promise<number> => {
    const headers = { 'content-type': 'application/gzip' };
    return (await api.call('POST', publishPath(tenant), { headers, body: new Uint8Array(body) })).status;
  };

  test('do not delay another tenant: its archive is read in its turn, and its JSON body immediately', async () => {
    const small = await archiveOf([{ name: 'a.txt', content: 'a' }]);
    const statuses: number[] = [];
    const read = (): number => statuses.filter((status) => status === 200).length;
    const hostile = Array.from({ length: 40 }, async () => {
      statuses.push(await sendsArchive(first, archive));
    });
    await eventually(async () => read() > 0, { what: 'the first archive was read' });
    const before = read();
    expect(await publishes(third)).toBe(200);
    const untilJson = read() - before;
    expect(await sendsArchive(third, small)).toBe(200);
    const untilArchive = read() - before;
    await Promise.all(hostile);
    // If the API read uploads in order of arrival, it would have read all other archives first.
    expect(untilJson).toBeLessThanOrEqual(8);
    expect(untilArchive).toBeLessThanOrEqual(8);
    // The time limit of an upload does not include the time in which the archive waits for its turn.
    expect(statuses.filter((status) => status !== 200 && status !== 429)).toEqual([]);
    expect(statuses).toContain(200);
  });
});
