import { pino } from 'pino';
import { createClient } from 'redis';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { MoveEvent } from '../../../packages/protocol/moves/move-event.ts';
import { moveStream } from '../../../packages/protocol/sinks/sink.ts';
import { redisMoveStream } from '../../../services/redis/move-stream.ts';
import type { Batch, SinkTarget } from '../../../services/sinks/target.ts';
import { startRedis, type TestBroker } from '../../support/servers/brokers.ts';
import { eventually } from '../../support/runs/eventually.ts';
import { moves } from '../../support/data/move-events.ts';
import { startSilentProxy } from '../../support/servers/silent-proxy.ts';
import { skipWithout } from '../../support/servers/system-packages.ts';

const log = pino({ level: 'silent' });
const STREAM = moveStream('acme');

/**
 * Delivers moves as the single writer of a stream does. If the result of a batch is unknown, it sends the batch
 * again, with newer moves added at its end.
 */
async function deliver(
  target: SinkTarget,
  total: number,
  { size, onSent }: { size: number; onSent: (count: number) => void },
): Promise<{ laters: number }> {
  let [seq, laters] = [0, 0];
  let position: string | null = null;
  while (seq < total) {
    const atMs = Date.now();
    const batchOf = (count: number): Batch => ({
      tenant: 'acme',
      events: moves('acme', seq + 1, Math.min(total, seq + count)),
      atMs,
      position,
      mustBeDelivered: () => false,
    });
    let count = size;
    let sent = await target.send(batchOf(count));
    await eventually(
      async () => {
        if (sent.stopped === null) return true;
        laters++;
        sent = await target.send(batchOf(++count));
        return sent.stopped === null;
      },
      { what: 'a batch that is taken' },
    );
    seq += sent.count;
    ({ position } = sent);
    onSent(seq);
  }
  return { laters };
}

describe.skipIf(skipWithout('the Redis streams of moves in outages', ['redis-server']))(
  'a stream of moves in a Redis that fails during appends (promise 12)',
  () => {
    let broker: TestBroker;
    let ends: AsyncDisposableStack;

    beforeEach(async () => {
      ends = new AsyncDisposableStack();
      broker = await startRedis();
      ends.defer(() => broker.stop());
    });

    afterEach(() => ends.disposeAsync());

    const open = (url: string): SinkTarget => {
      const target = redisMoveStream({ url, log, cache: null });
      ends.defer(() => target.close());
      return target;
    };

    const stored = async (): Promise<string[]> => {
      const client = createClient({ url: broker.url });
      await client.connect();
      try {
        const entries = (await client.xRange(STREAM, '-', '+')) ?? [];
        return entries.map(({ message }) => (JSON.parse(message['event'] ?? '') as MoveEvent).id);
      } finally {
        client.destroy();
      }
    };

    test('has every event once and in order after several kills and restarts during appends', async () => {
      const target = open(broker.url);
      const kills: Promise<void>[] = [];
      const { laters } = await deliver(target, 3_000, {
        size: 10,
        onSent: (count) => {
          // Does not wait for the restart, so that the next batch is sent while Redis is dying.
          if (count >= 600 * (kills.length + 1) && kills.length < 4) kills.push(broker.restart());
        },
      });
      await Promise.all(kills);
      expect(kills).toHaveLength(4);
      expect(laters).toBeGreaterThan(0);
      expect(await stored()).toEqual(moves('acme', 1, 3_000).map(({ id }) => id));
    });

    test('stores an append once when its response is lost and the append is repeated with more events', async () => {
      const proxy = await startSilentProxy(broker.port);
      ends.defer(() => proxy.stop());
      const target = open(broker.url.replace(`:${broker.port}`, `:${proxy.port}`));
      const batch = (to: number): Batch => ({
        tenant: 'acme',
        events: moves('acme', 1, to),
        atMs: 1_700_000_000_000,
        position: null,
        mustBeDelivered: () => false,
      });
      // The first target gets no response, because the proxy swallows it. The second target bypasses the proxy.
      const direct = open(broker.url);
      proxy.swallow();
      const [unknown] = await Promise.all([target.send(batch(20)), direct.send(batch(20))]);
      expect(unknown).toMatchObject({ count: 0, position: null, stopped: { kind: 'later' } });
      expect(await target.probe()).toMatchObject({ kind: 'down' });
      proxy.heal();
      expect(await target.send(batch(25))).toMatchObject({ count: 25, position: '1700000000000-24' });
      expect(await target.probe()).toEqual({ kind: 'well' });
      expect(await stored()).toEqual(moves('acme', 1, 25).map(({ id }) => id));
    });

    test('stores each event once when Redis is suspended during repeated appends and resumed', async () => {
      const target = open(broker.url);
      const client = createClient({ url: broker.url, pingInterval: 0 });
      client.on('error', () => undefined);
      await client.connect();
      ends.defer(() => client.destroy());
      const pid = Number(/process_id:(\d+)/.exec(await client.info('server'))?.[1]);
      const batch = (to: number): Batch => ({
        tenant: 'acme',
        events: moves('acme', 1, to),
        atMs: 1_700_000_000_000,
        position: null,
        mustBeDelivered: () => false,
      });
      await target.send(batch(1));
      process.kill(pid, 'SIGSTOP');
      try {
        expect(await target.send(batch(3))).toMatchObject({ count: 0, stopped: { kind: 'later' } });
        expect(await target.send(batch(5))).toMatchObject({ count: 0, stopped: { kind: 'later' } });
      } finally {
        process.kill(pid, 'SIGCONT');
      }
      expect(await target.send(batch(6))).toMatchObject({ count: 6, stopped: null });
      expect(await stored()).toEqual(moves('acme', 1, 6).map(({ id }) => id));
    });

    test('lets its writer close while Redis does not respond', async () => {
      const proxy = await startSilentProxy(broker.port);
      ends.defer(() => proxy.stop());
      const target = open(broker.url.replace(`:${broker.port}`, `:${proxy.port}`));
      expect(await target.probe()).toEqual({ kind: 'well' });
      proxy.swallow();
      const probe = target.probe();
      await target.close();
      expect(await probe).toMatchObject({ kind: 'down' });
      expect(await target.probe()).toMatchObject({ kind: 'down' });
    });
  },
);
