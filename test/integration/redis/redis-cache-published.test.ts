import { pino } from 'pino';
import { createClient } from 'redis';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import type { PointerId } from '../../../packages/protocol/identifiers.ts';
import { type RedisBundleReader, redisBundleReader } from '../../../packages/client/redis/bundle-reader.ts';
import { tailMoves } from '../../../packages/client/redis/move-tail.ts';
import { storedArtifacts } from '../../../services/worker/pipeline/stored-artifacts.ts';
import { startRedis, type TestBroker } from '../../support/servers/brokers.ts';
import {
  accepted,
  type ControlPlane,
  newTenant,
  settled,
  startControlPlane,
} from '../../support/worlds/control-plane.ts';
import { eventually } from '../../support/runs/eventually.ts';
import { deliveredTo, move } from '../../support/worlds/sink-world.ts';
import { skipWithout } from '../../support/servers/system-packages.ts';

const log = pino({ level: 'silent' });

describe.skipIf(skipWithout('published bundles in Redis', ['redis-server']))(
  'a worker with POINTSMAN_REDIS_CACHE=on and a stream for each tenant',
  () => {
    const ends = new AsyncDisposableStack();
    let broker: TestBroker;
    let plane: ControlPlane;
    let reader: RedisBundleReader;

    beforeAll(async () => {
      broker = await startRedis();
      ends.defer(() => broker.stop());
      plane = await startControlPlane({
        workerEnv: async () => ({
          REDIS_URL: broker.url,
          POINTSMAN_REDIS_CACHE: 'on',
          POINTSMAN_REDIS_STREAMS: 'per-tenant',
        }),
      });
      ends.defer(() => plane.stop());
      reader = redisBundleReader({ url: broker.url, log });
      ends.defer(() => reader.close());
    });
    afterAll(() => ends.disposeAsync());

    async function publish(tenant: string, text: string): Promise<void> {
      const files = { 'config.json': JSON.stringify({ text }), 'prompt.md': `Be ${text}.\n` };
      await settled(plane, tenant, await accepted(plane, tenant, { files }));
    }

    const pointerOf = (tenant: string): PointerId => ({ tenant, bundle: 'bundle', channel: 'live' });

    async function textIn(tenant: string, atLeast: number): Promise<string> {
      const read = await reader.read(pointerOf(tenant), { atLeast });
      if (read.kind !== 'bundle') throw new Error(`generation ${atLeast} of ${tenant}: ${read.kind}`);
      return Buffer.from(read.bundle.files.get('prompt.md') ?? []).toString('utf8');
    }

    test('caches the bundle of each pointer: a reader that is notified of a move finds the bundle byte for byte, even after a rollback', async () => {
      const tenant = await newTenant(plane);
      const over = new AbortController();
      const found: string[] = [];
      const options = { url: broker.url, layout: 'per-tenant', signal: over.signal, log } as const;
      const tail = tailMoves({ ...options, pointers: [pointerOf(tenant)] });
      // Waits for the tail's first entry, which reports a gap. From then on the tail receives every move.
      await tail.next();
      const listening = (async () => {
        for await (const entry of tail) {
          if (entry.kind === 'moved') found.push(await textIn(tenant, entry.event.data.generation));
        }
      })();
      for (const text of ['kind', 'brief', 'clear']) await publish(tenant, text);
      // Waits until the third bundle was read before it moves the pointer again. The cache keeps only the latest
      // bundle of a pointer.
      await eventually(async () => found.includes('Be clear.\n'), { what: 'the third bundle is read' });
      await move(plane, tenant, 1);
      await eventually(async () => found.length >= 4, { what: 'the reader has been notified of four moves' });
      over.abort();
      await listening;
      // When a move arrives, the cache may already contain a later bundle than the move announces, but never an
      // earlier one.
      expect(found.at(-1)).toBe('Be kind.\n');
      const read = await reader.read(pointerOf(tenant), { atLeast: 4 });
      if (read.kind !== 'bundle') throw new Error(read.kind);
      expect(read.pointer).toMatchObject({ generation: 4, version: 1 });
      const stored = await storedArtifacts(plane.db).read(tenant, read.pointer.digest, 1_000_000);
      if (stored === null || stored === 'too_large') throw new Error('the record has no such artifact');
      expect(Buffer.from(read.bundle.manifest).equals(stored.manifest)).toBe(true);
      expect([...read.bundle.files.keys()].toSorted()).toEqual(
        stored.files.map(({ path }) => path).toSorted(),
      );
      for (const { path, content } of stored.files) {
        expect(Buffer.from(read.bundle.files.get(path) ?? []).equals(content), path).toBe(true);
      }
    });

    test('updates the cache after an outage of Redis during a publish, and after Redis has lost its data', async () => {
      const tenant = await newTenant(plane);
      await publish(tenant, 'kind');
      await deliveredTo(plane, tenant, 1, 'redis');
      await broker.kill();
      await publish(tenant, 'brief');
      expect(await reader.read(pointerOf(tenant))).toMatchObject({ kind: 'unavailable' });
      await broker.restart();
      expect(await eventually(() => textIn(tenant, 2), { what: 'the second generation' })).toBe(
        'Be brief.\n',
      );

      await deliveredTo(plane, tenant, 2, 'redis');
      const client = createClient({ url: broker.url });
      await client.connect();
      await client.flushAll();
      client.destroy();
      expect(await reader.read(pointerOf(tenant))).toEqual({ kind: 'no_pointer' });
      await move(plane, tenant, 1);
      expect(await eventually(() => textIn(tenant, 3), { what: 'the third generation' })).toBe('Be kind.\n');
    });
  },
);
