import { pino } from 'pino';
import { createClient, ErrorReply } from 'redis';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';

import { digestOf } from '../../../packages/protocol/digest.ts';
import type { MoveEvent } from '../../../packages/protocol/moves/move-event.ts';
import { artifactManifest } from '../../../packages/protocol/artifacts/oci.ts';
import { moveStream, type StreamLayout } from '../../../packages/protocol/sinks/sink.ts';
import type { ArtifactReader } from '../../../services/redis/artifact-reader.ts';
import { redisBundleReader } from '../../../packages/client/redis/bundle-reader.ts';
import { bundleKey, pointedKey, pointerKey } from '../../../packages/protocol/redis/cache-keys.ts';
import { redisMoveStream } from '../../../services/redis/move-stream.ts';
import { tailMoves } from '../../../packages/client/redis/move-tail.ts';
import type { SinkTarget } from '../../../services/sinks/target.ts';
import { startRedis, type TestBroker } from '../../support/servers/brokers.ts';
import { eventually } from '../../support/runs/eventually.ts';
import { nthMove } from '../../support/data/move-events.ts';
import { pageCommands } from '../../support/runs/page-commands.ts';
import { startRuntime, type StreamRuntime } from '../../support/servers/stream-runtime.ts';
import { skipWithout } from '../../support/servers/system-packages.ts';

// Runs the commands of docs/guides/redis.md that create the users.

const log = pino({ level: 'silent' });
const [ACME, GLOBEX] = ['acme', 'globex'] as const;

const content = Buffer.from('{"a":1}');
const { manifest } = artifactManifest([
  { path: 'a.json', digest: digestOf(content), size: content.length, mediaType: 'application/json' },
]);
const artifacts: ArtifactReader = {
  read: async () => ({ manifest: Buffer.from(manifest.text), files: [{ path: 'a.json', content }] }),
};

/** Creates the tenant's move with that number. It points to the only artifact of this test. */
function move(tenant: string, seq: number): MoveEvent {
  const event = nthMove(tenant, seq);
  return { ...event, data: { ...event.data, to: { ...event.data.to, digest: manifest.digest } } };
}

describe.skipIf(skipWithout('the permissions of Redis', ['redis-server']))(
  'the Redis users in docs/guides/redis.md',
  () => {
    let broker: TestBroker;
    let admin: ReturnType<typeof createClient>;
    let ends = new AsyncDisposableStack();

    const urlOf = (user: string): string =>
      broker.url.replace('redis://', `redis://${user}:a-long-password@`);
    const connect = async (url: string) => {
      const client = createClient({ url });
      client.on('error', () => undefined);
      await client.connect();
      ends.defer(() => client.destroy());
      return client;
    };

    beforeAll(async () => {
      broker = await startRedis();
      admin = createClient({ url: broker.url });
      admin.on('error', () => undefined);
      await admin.connect();
      const commands = await pageCommands('docs/guides/redis.md', 'redis-cli ACL');
      expect(commands.map((command) => command[3])).toEqual(['pointsman-worker', ACME]);
      for (const [, ...command] of commands) {
        await admin.sendCommand(command);
        await admin.sendCommand(command.map((word) => word.replace(ACME, GLOBEX)));
      }
    });
    afterEach(async () => {
      await ends.disposeAsync();
      ends = new AsyncDisposableStack();
      await admin.flushAll();
    });
    afterAll(async () => {
      admin.destroy();
      await broker.stop();
    });

    const writer = (layout: StreamLayout): SinkTarget => {
      const target = redisMoveStream({ url: urlOf('pointsman-worker'), log, cache: artifacts, layout });
      ends.defer(() => target.close());
      return target;
    };
    const positions = new Map<SinkTarget, string | null>();
    const append = async (target: SinkTarget, ...events: MoveEvent[]): Promise<void> => {
      for (const event of events) {
        const position = positions.get(target) ?? null;
        const batch = { tenant: event.data.tenant, events: [event], atMs: Date.now(), position };
        const sent = await target.send({ ...batch, mustBeDelivered: () => false });
        expect(sent).toMatchObject({ count: 1, stopped: null });
        positions.set(target, sent.position);
      }
    };

    test('the user of the worker can run every command of the worker, with shared streams and with one stream for each tenant', async () => {
      for (const layout of ['shared', 'per-tenant'] as const) {
        const target = writer(layout);
        expect(await target.probe()).toEqual({ kind: 'well' });
        await append(target, move(ACME, 1), move(GLOBEX, 1), move(ACME, 2));
        expect(await admin.xLen(moveStream(ACME, layout))).toBe(2);
        expect(await admin.hLen(bundleKey(GLOBEX, manifest.digest))).toBe(2);
      }
    });

    test('the user of a tenant reads the cache and the stream of its tenant, and consumes in a consumer group', async () => {
      const target = writer('per-tenant');
      await append(target, move(ACME, 1), move(GLOBEX, 1));
      const reader = redisBundleReader({ url: urlOf(ACME), log });
      ends.defer(() => reader.close());
      const pointer = { tenant: ACME, bundle: 'support-bot', channel: 'live' };
      expect(await reader.read(pointer)).toMatchObject({ kind: 'bundle', pointer: { generation: 1 } });
      expect(await reader.read({ ...pointer, tenant: GLOBEX })).toMatchObject({ kind: 'unavailable' });

      const truth = new Map([[ACME, 1]]);
      const runtime = startRuntime(truth, { url: urlOf(ACME), ownStreamsOf: [ACME] });
      ends.defer(() => runtime.consumer.stop());
      const stopping = new AbortController();
      const tailed: string[] = [];
      const tail = (async () => {
        const options = { url: urlOf(ACME), tenant: ACME, layout: 'per-tenant', log } as const;
        for await (const one of tailMoves({ ...options, signal: stopping.signal }))
          tailed.push(one.kind === 'gap' ? 'gap' : one.event.id);
      })();
      ends.defer(async () => {
        stopping.abort();
        await tail;
      });
      const groups = async () =>
        (await admin.xInfoGroups(moveStream(ACME, 'per-tenant'))).map(({ name }) => name);
      await eventually(async () => (await groups()).length === 1 && tailed.length === 1, {
        what: 'both read the stream',
      });
      await append(target, move(ACME, 2), move(GLOBEX, 2), move(ACME, 3));
      const ids = [move(ACME, 2).id, move(ACME, 3).id];
      await eventually(async () => tailed.length === 3, { what: 'the tail has both moves' });
      expect(tailed).toEqual(['gap', ...ids]);
      const pending = async () => (await admin.xPending(moveStream(ACME, 'per-tenant'), 'runtimes')).pending;
      await eventually(async () => runtime.applied.length === 2 && (await pending()) === 0, {
        what: 'the consumer has applied and acknowledged both moves',
      });
      expect(runtime.applied).toEqual(ids);
    });

    test('the user of a tenant can’t read or change anything of another tenant, forge a move, or list the names of keys', async () => {
      for (const layout of ['shared', 'per-tenant'] as const)
        await append(writer(layout), move(ACME, 1), move(GLOBEX, 1));
      const acme = await connect(urlOf(ACME));
      const pointer = { tenant: GLOBEX, bundle: 'support-bot', channel: 'live' };
      const theirs = [pointerKey(pointer), bundleKey(GLOBEX, manifest.digest), pointedKey(GLOBEX, 'x')];
      const streams = [
        moveStream(GLOBEX, 'per-tenant'),
        moveStream(GLOBEX),
        moveStream(ACME),
        `pointsman:{${ACME}-2}:moves`,
      ];
      const [own, ownPointer] = [moveStream(ACME, 'per-tenant'), pointerKey({ ...pointer, tenant: ACME })];
      await admin.xGroupCreate(streams[0]!, 'fleet', '0');
      const attempts = [
        ...theirs.flatMap((key) => [
          ['HGETALL', key],
          ['EXISTS', key],
          ['DUMP', key],
        ]),
        ...streams.flatMap((key) => [
          ['EXISTS', key],
          ['XRANGE', key, '-', '+'],
          ['XREVRANGE', key, '+', '-'],
          ['XREAD', 'STREAMS', key, '0'],
          ['XREADGROUP', 'GROUP', 'fleet', 'thief', 'STREAMS', key, '>'],
          ['XACK', key, 'fleet', '1-0'],
          ['XAUTOCLAIM', key, 'fleet', 'thief', '0', '0'],
          ['XGROUP', 'CREATE', key, 'thief', '$', 'MKSTREAM'],
          ['XINFO', 'STREAM', key],
          ['XINFO', 'GROUPS', key],
        ]),
        ['KEYS', '*'],
        ['SCAN', '0'],
        ['RANDOMKEY'],
        ['DBSIZE'],
        ['INFO'],
        ['CLIENT', 'LIST'],
        ['CLIENT', 'KILL', 'TYPE', 'normal'],
        ['ACL', 'LIST'],
        ['CONFIG', 'GET', '*'],
        ['MONITOR'],
        ['SUBSCRIBE', 'x'],
        ['EVAL', 'return 1', '0'],
        ['FLUSHALL'],
        ['XADD', own, '*', 'event', 'forged'],
        ['XTRIM', own, 'MAXLEN', '0'],
        ['XDEL', own, '1-0'],
        ['XSETID', own, '9999999999999-0'],
        ['XGROUP', 'DESTROY', own, 'runtimes'],
        ['DEL', own],
        ['HSET', ownPointer, 'generation', '9'],
        ['SET', `pointsman:{${ACME}}:x`, '1'],
      ];
      const answers = await Promise.all(
        attempts.map(async (attempt) => {
          try {
            await acme.sendCommand(attempt);
            return `${attempt.join(' ')}: allowed`;
          } catch (error) {
            if (error instanceof ErrorReply && error.message.startsWith('NOPERM')) return null;
            return `${attempt.join(' ')}: ${String(error)}`;
          }
        }),
      );
      expect(answers.filter((answer) => answer !== null)).toEqual([]);
      expect(await acme.hGetAll(ownPointer)).toMatchObject({ generation: '1', digest: manifest.digest });
      expect(await admin.xInfoConsumers(streams[0]!, 'fleet')).toEqual([]);
    });

    test('consumers that start before the stream setting changes miss no move and do not go back to an older move', async () => {
      const truth = new Map([[ACME, 2]]);
      const [before, after] = [writer('shared'), writer('per-tenant')];
      await append(before, move(ACME, 1), move(ACME, 2));
      const old = startRuntime(truth, { url: broker.url, group: 'old' });
      const next = startRuntime(truth, { url: broker.url, group: 'new', ownStreamsOf: [ACME] });
      for (const { consumer } of [old, next]) ends.defer(() => consumer.stop());
      const seqOf = async ({ consumer }: StreamRuntime) =>
        (await consumer.lag(truth)).find(({ tenant }) => tenant === ACME)?.seq ?? 0;
      const reaches = (runtime: StreamRuntime, seq: number) =>
        eventually(async () => (await seqOf(runtime)) === seq, { what: `a consumer is at ${seq}` });
      const own = moveStream(ACME, 'per-tenant');
      await eventually(async () => (await admin.exists(own)) === 1, { what: 'the new stream is there' });
      truth.set(ACME, 3);
      await append(before, move(ACME, 3));
      await reaches(old, 3);
      // After the change of the setting, the writer continues from the position that it had before.
      positions.set(after, positions.get(before) ?? null);
      for (const seq of [4, 5]) {
        truth.set(ACME, seq);
        await append(after, move(ACME, seq));
        await reaches(next, seq);
      }
      expect(await seqOf(old)).toBe(3);
      expect(next.applied).toEqual(next.applied.toSorted());
      expect([next.rejected, old.rejected]).toEqual([[], []]);
      expect(await admin.xLen(own)).toBe(2);
    });
  },
);
