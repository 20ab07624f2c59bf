import { pino } from 'pino';
import { createClient } from 'redis';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { digestOf } from '../../../packages/protocol/digest.ts';
import { moveEvent } from '../../../packages/protocol/moves/move-event.ts';
import { artifactManifest } from '../../../packages/protocol/artifacts/oci.ts';
import { moveStream } from '../../../packages/protocol/sinks/sink.ts';
import type { ArtifactReader, StoredArtifact } from '../../../services/redis/artifact-reader.ts';
import { redisBundleReader, type RedisBundleReader } from '../../../packages/client/redis/bundle-reader.ts';
import { bundleKey, pointedKey, pointerKey } from '../../../packages/protocol/redis/cache-keys.ts';
import { batchCache } from '../../../services/redis/batch-cache.ts';
import { cacheLimits } from '../../../services/redis/limits.ts';
import { redisMoveStream } from '../../../services/redis/move-stream.ts';
import { type PointerCache, redisPointerCache } from '../../../services/redis/pointer-cache.ts';
import { startRedis, type TestBroker } from '../../support/servers/brokers.ts';
import { eventually } from '../../support/runs/eventually.ts';
import { skipWithout } from '../../support/servers/system-packages.ts';

const log = pino({ level: 'silent' });
const POINTER = { tenant: 'acme', bundle: 'support-bot', channel: 'live' };

interface Artifact extends StoredArtifact {
  readonly digest: string;
}

function artifact(text: string, files = 3): Artifact {
  const contents = Array.from({ length: files }, (_none, n) => ({
    path: `agents/${n}.json`,
    content: Buffer.from(`${n} ${text}`),
  }));
  const { manifest } = artifactManifest(
    contents.map(({ path, content }) => ({
      path,
      digest: digestOf(content),
      size: content.length,
      mediaType: 'text/plain',
    })),
  );
  return { digest: manifest.digest, manifest: Buffer.from(manifest.text), files: contents };
}

/** A fake artifact store with the artifacts of a test. */
function stored(...artifacts: readonly Artifact[]): ArtifactReader & { reads: number } {
  const byDigest = new Map(artifacts.map((one) => [one.digest, one]));
  return {
    reads: 0,
    async read(_tenant, digest, maxBytes) {
      this.reads++;
      const found = byDigest.get(digest);
      const size = found?.files.reduce((sum, { content }) => sum + content.length, 0) ?? 0;
      return size > maxBytes ? 'too_large' : (found ?? null);
    },
  };
}

describe.skipIf(skipWithout('the cache in Redis', ['redis-server']))(
  'the cache of pointers and bundles in Redis',
  () => {
    let broker: TestBroker;
    let client: ReturnType<typeof createClient>;
    let reader: RedisBundleReader;
    let ends = new AsyncDisposableStack();

    beforeAll(async () => {
      broker = await startRedis();
      client = createClient({ url: broker.url });
      client.on('error', () => undefined);
      await client.connect();
      reader = redisBundleReader({ url: broker.url, log });
    });

    afterEach(async () => {
      await ends.disposeAsync();
      ends = new AsyncDisposableStack();
      await client.flushAll();
    });

    afterAll(async () => {
      await reader.close();
      client.destroy();
      await broker.stop();
    });

    const open = (artifacts: ArtifactReader): PointerCache => {
      const cache = redisPointerCache({ url: broker.url, log, artifacts });
      ends.defer(() => cache.close());
      return cache;
    };
    const at = (generation: number, { digest }: Artifact) => ({
      ...POINTER,
      generation,
      version: generation,
      digest,
    });

    test('returns a pointer with its bundle, byte for byte as it was stored', async () => {
      const one = artifact('one');
      expect(await open(stored(one)).put(at(1, one))).toEqual({ kind: 'cached', bundle: true });
      const read = await reader.read(POINTER);
      if (read.kind !== 'bundle') throw new Error(read.kind);
      expect(read.pointer).toEqual({ generation: 1, version: 1, digest: one.digest });
      expect(Buffer.from(read.bundle.manifest)).toEqual(one.manifest);
      expect([...read.bundle.files].map(([path, content]) => [path, String(content)])).toEqual(
        one.files.map(({ path, content }) => [path, String(content)]),
      );
    });

    test('moves a pointer only forward with 20 concurrent writers, and a pointer always has its bundle', async () => {
      const all = Array.from({ length: 60 }, (_none, n) => artifact(`generation ${n + 1}`));
      const writers = Array.from({ length: 20 }, () => open(stored(...all)));
      let seen = 0;
      const writing = new Set(['all']);
      const watching = (async () => {
        while (writing.size > 0) {
          const read = await reader.read(POINTER, { atLeast: seen });
          if (read.kind === 'no_pointer') continue;
          if (read.kind !== 'bundle') throw new Error(`${read.kind} after generation ${seen}`);
          expect(read.pointer.digest).toBe(all[read.pointer.generation - 1]?.digest);
          seen = read.pointer.generation;
        }
      })();
      await Promise.all(
        writers.map(async (writer, own) => {
          // Each writer writes the generations in a different order, half of them backwards.
          for (let n = 0; n < 60; n++) {
            const generation = 1 + ((own % 2 === 0 ? n * 7 + own : 600 - n * 7 - own) % 60);
            const one = all[generation - 1];
            if (one !== undefined) expect((await writer.put(at(generation, one))).kind).not.toBe('failed');
          }
        }),
      );
      writing.clear();
      await watching;
      expect(await reader.read(POINTER)).toMatchObject({ kind: 'bundle', pointer: { generation: 60 } });
      // Every bundle has an expiry, except the one to which the pointer points.
      const lasting = await Promise.all(all.map(({ digest }) => client.ttl(bundleKey('acme', digest))));
      expect(lasting.filter((ttl) => ttl === -1)).toEqual([-1]);
      expect(lasting.at(-1)).toBe(-1);
      expect(Math.max(...lasting)).toBeLessThanOrEqual(cacheLimits.unpointedMs / 1_000);
    });

    test('lets a bundle expire once no pointer refers to it, and keeps it until then', async () => {
      const [one, two] = [artifact('one'), artifact('two')];
      const artifacts = stored(one, two);
      const cache = open(artifacts);
      await cache.put(at(1, one));
      await cache.put({ ...at(1, one), channel: 'staging' });
      await cache.put(at(2, two));
      expect(await client.ttl(bundleKey('acme', one.digest))).toBe(-1);
      await cache.put({ ...at(2, two), channel: 'staging' });
      expect(await client.ttl(bundleKey('acme', one.digest))).toBeGreaterThan(0);
      expect(await client.exists(pointedKey('acme', one.digest))).toBe(0);
      // The pointer returns to a bundle that is still cached. The cache removes its expiry and does not read it from
      // the store again.
      await cache.put(at(3, one));
      expect(await client.ttl(bundleKey('acme', one.digest))).toBe(-1);
      expect(artifacts.reads).toBe(2);
    });

    test('ignores a repeated or older pointer', async () => {
      const [one, two] = [artifact('one'), artifact('two')];
      const cache = open(stored(one, two));
      await cache.put(at(2, two));
      expect(await cache.put(at(2, two))).toEqual({ kind: 'not_newer' });
      expect(await cache.put(at(1, one))).toEqual({ kind: 'not_newer' });
      expect(await reader.read(POINTER)).toMatchObject({ kind: 'bundle', pointer: { generation: 2 } });
      expect(await client.exists(bundleKey('acme', one.digest))).toBe(0);
    });

    test('stores a pointer without its bundle when the bundle is too large, and reports to a reader that the bundle is missing', async () => {
      const large = artifact('x'.repeat(cacheLimits.bundleBytes), 1);
      expect(await open(stored(large)).put(at(1, large))).toEqual({ kind: 'cached', bundle: false });
      expect(await reader.read(POINTER)).toMatchObject({ kind: 'no_bundle', pointer: { generation: 1 } });
      expect(await client.exists(bundleKey('acme', large.digest))).toBe(0);
    });

    test('reports a missing bundle to a reader, and the reader finds the bundle of the next generation', async () => {
      const [one, two] = [artifact('one'), artifact('two')];
      const cache = open(stored(one, two));
      await cache.put(at(1, one));
      await client.del(bundleKey('acme', one.digest));
      expect(await reader.read(POINTER)).toMatchObject({ kind: 'no_bundle' });
      await cache.put(at(2, two));
      expect(await reader.read(POINTER)).toMatchObject({ kind: 'bundle', pointer: { generation: 2 } });
    });

    test('returns no pointer that is older than the generation the reader asks for', async () => {
      const one = artifact('one');
      await open(stored(one)).put(at(1, one));
      expect(await reader.read(POINTER, { atLeast: 2 })).toMatchObject({
        kind: 'behind',
        pointer: { generation: 1 },
      });
      expect(await reader.read({ ...POINTER, tenant: 'globex' })).toEqual({ kind: 'no_pointer' });
    });

    test('returns no content that does not match its digest', async () => {
      const one = artifact('one');
      await open(stored(one)).put(at(1, one));
      const key = bundleKey('acme', one.digest);
      await client.hSet(key, 'agents/1.json', 'forged');
      expect(await reader.read(POINTER)).toEqual({ kind: 'corrupt', what: 'agents/1.json' });
      await client.hDel(key, 'agents/1.json');
      expect(await reader.read(POINTER)).toEqual({ kind: 'corrupt', what: 'agents/1.json' });
      await client.hSet(key, '/manifest', '{}');
      expect(await reader.read(POINTER)).toEqual({ kind: 'corrupt', what: 'the manifest' });
      await client.hSet(pointerKey(POINTER), 'generation', 'x');
      expect(await reader.read(POINTER)).toEqual({ kind: 'corrupt', what: 'the pointer' });
    });

    test('does not delay the stream of moves when it fails, and is updated with the next batch', async () => {
      const [one, two] = [artifact('one'), artifact('two')];
      const artifacts = stored(one, two);
      const read = artifacts.read.bind(artifacts);
      let fails: 'rejects' | 'hangs' | 'no' = 'rejects';
      const flaky: ArtifactReader = {
        read: async (...what) => {
          if (fails === 'rejects') throw new Error('the database is away');
          if (fails === 'hangs') await new Promise(() => undefined);
          return read(...what);
        },
      };
      const target = redisMoveStream({ url: broker.url, log, cache: flaky });
      ends.defer(() => target.close());
      const send = (seq: number, bundle: string, { digest }: Artifact, position: string | null) => {
        const to = { version: 1, digest };
        const event = moveEvent({
          ...POINTER,
          bundle,
          generation: 1,
          seq,
          from: null,
          to,
          movedAt: '2026-01-01T00:00:00Z',
        });
        return target.send({
          tenant: 'acme',
          events: [event],
          atMs: seq,
          position,
          mustBeDelivered: () => false,
        });
      };
      expect(await send(1, 'first', one, null)).toMatchObject({ count: 1, stopped: null });
      fails = 'hangs';
      expect(await send(2, 'second', two, '1-0')).toMatchObject({ count: 1, stopped: null });
      expect(await client.xLen(moveStream('acme'))).toBe(2);
      expect(await reader.read({ ...POINTER, bundle: 'first' })).toEqual({ kind: 'no_pointer' });
      fails = 'no';
      expect(await send(3, 'third', one, '2-0')).toMatchObject({ count: 1, stopped: null });
      for (const bundle of ['first', 'second', 'third']) {
        expect(await reader.read({ ...POINTER, bundle })).toMatchObject({ kind: 'bundle' });
      }
    });

    test('repeats a failed write even if no further batch arrives', async () => {
      const one = artifact('one');
      const { digest } = one;
      const artifacts = stored(one);
      let fails = true;
      const flaky: ArtifactReader = {
        read: async (...what) => {
          if (fails) throw new Error('the database is away');
          return artifacts.read(...what);
        },
      };
      const cache = batchCache({ url: broker.url, log, artifacts: flaky });
      ends.defer(async () => cache.close());
      const to = { version: 1, digest };
      const movedAt = '2026-01-01T00:00:00Z';
      await cache.write([moveEvent({ ...POINTER, generation: 1, seq: 1, from: null, to, movedAt })]);
      expect(await reader.read(POINTER)).toEqual({ kind: 'no_pointer' });
      fails = false;
      await eventually(async () => (await reader.read(POINTER)).kind === 'bundle', {
        what: 'the pointer is cached',
      });
    });
  },
);
