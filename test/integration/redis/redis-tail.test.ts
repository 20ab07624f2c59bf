import { pino } from 'pino';
import { createClient } from 'redis';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { PointerId } from '../../../packages/protocol/identifiers.ts';
import type { MoveEvent } from '../../../packages/protocol/moves/move-event.ts';
import { moveStream } from '../../../packages/protocol/sinks/sink.ts';
import { tailMoves, type Tailed, type TailOptions } from '../../../packages/client/redis/move-tail.ts';
import { startRedis, type TestBroker } from '../../support/servers/brokers.ts';
import { eventually } from '../../support/runs/eventually.ts';
import { moves, neighbours, nthMove } from '../../support/data/move-events.ts';
import { startSilentProxy } from '../../support/servers/silent-proxy.ts';
import { skipWithout } from '../../support/servers/system-packages.ts';

const [ACME = '', GLOBEX = ''] = neighbours(2);
const STREAM = moveStream(ACME);

describe.skipIf(skipWithout('tails of the Redis streams', ['redis-server']))(
  'a tail of moves in Redis',
  () => {
    let broker: TestBroker;
    let client: ReturnType<typeof createClient>;
    let ends: AsyncDisposableStack;
    let nextId = 1;

    beforeEach(async () => {
      ends = new AsyncDisposableStack();
      nextId = 1;
      broker = await startRedis();
      ends.defer(() => broker.stop());
      client = createClient({ url: broker.url });
      client.on('error', () => undefined);
      await client.connect();
      ends.defer(() => client.destroy());
    });

    afterEach(() => ends.disposeAsync());

    const add = async (...events: readonly MoveEvent[]): Promise<void> => {
      for (const event of events)
        await client.xAdd(STREAM, `${nextId++}-0`, { event: JSON.stringify(event) });
    };
    const start = (options: Partial<TailOptions> | { pointers: PointerId[] } = {}) => {
      const stopping = new AbortController();
      const seen: string[] = [];
      const labelOf = (one: Tailed): string => (one.kind === 'gap' ? 'gap' : one.event.id);
      const whose = 'pointers' in options ? {} : { tenant: ACME };
      const all = { url: broker.url, log: pino({ level: 'silent' }), ...whose, signal: stopping.signal };
      const ended = (async () => {
        for await (const one of tailMoves({ ...all, ...options } as TailOptions)) seen.push(labelOf(one));
      })();
      const stop = async (): Promise<void> => {
        stopping.abort();
        await ended;
      };
      ends.defer(stop);
      const until = (count: number): Promise<unknown> =>
        eventually(async () => seen.length >= count, { what: `${count} items of the tail` });
      return { seen, stop, until };
    };
    const id = (tenant: string, seq: number): string => nthMove(tenant, seq).id;

    test('begins with a gap marker and then returns every move of its tenant in order to each reader', async () => {
      await add(...moves(ACME, 1, 2));
      const readers = [start(), start()];
      for (const reader of readers) await reader.until(1);
      await add(nthMove(GLOBEX, 1), nthMove(ACME, 3), nthMove(ACME, 4));
      for (const reader of readers) {
        await reader.until(3);
        expect(reader.seen).toEqual(['gap', id(ACME, 3), id(ACME, 4)]);
      }
    });

    test('continues after a given entry', async () => {
      await add(...moves(ACME, 1, 3));
      const reader = start({ after: '1-0' });
      await reader.until(3);
      expect(reader.seen).toEqual(['gap', id(ACME, 2), id(ACME, 3)]);
    });

    test('returns only the moves of the chosen pointers, and reports no gap for the moves of other pointers', async () => {
      const reader = start({ pointers: [{ tenant: ACME, bundle: 'support-bot', channel: 'live' }] });
      await reader.until(1);
      await add(nthMove(ACME, 1), nthMove(ACME, 2, { bundle: 'other', generation: 1 }), nthMove(ACME, 3));
      await reader.until(3);
      expect(reader.seen).toEqual(['gap', id(ACME, 1), id(ACME, 3)]);
    });

    test('reports a gap for a missing sequence number, a trimmed entry and a repeated move, and returns no move twice', async () => {
      const reader = start();
      await reader.until(1);
      await add(nthMove(ACME, 1));
      await reader.until(2);
      await add(nthMove(ACME, 3));
      await reader.until(3);
      await add(nthMove(ACME, 4));
      await reader.until(4);
      await add(nthMove(ACME, 4));
      await reader.until(5);
      await add(nthMove(ACME, 5));
      await reader.until(6);
      expect(reader.seen).toEqual(['gap', id(ACME, 1), 'gap', id(ACME, 4), 'gap', id(ACME, 5)]);
    });

    test('returns the moves after a forged move with a future sequence number, or reports a gap', async () => {
      const reader = start();
      await reader.until(1);
      await add(nthMove(ACME, 1));
      await reader.until(2);
      await add(nthMove(ACME, 9_000));
      await reader.until(3);
      await add(nthMove(ACME, 2));
      await reader.until(4);
      await add(nthMove(ACME, 3));
      await reader.until(5);
      expect(reader.seen).toEqual(['gap', id(ACME, 1), 'gap', 'gap', id(ACME, 3)]);
    });

    test('ignores an invalid entry', async () => {
      const reader = start();
      await reader.until(1);
      await client.xAdd(STREAM, `${nextId++}-0`, { event: 'garbage' });
      await client.xAdd(STREAM, `${nextId++}-0`, { other: 'x' });
      await add(nthMove(ACME, 1));
      await reader.until(2);
      expect(reader.seen).toEqual(['gap', id(ACME, 1)]);
    });

    test('reconnects to a Redis that was killed or stopped responding, reports a gap, and misses no stored move', async () => {
      const proxy = await startSilentProxy(broker.port);
      ends.defer(() => proxy.stop());
      const reader = start({ url: broker.url.replace(`:${broker.port}`, `:${proxy.port}`) });
      await reader.until(1);
      await add(nthMove(ACME, 1));
      await reader.until(2);
      proxy.swallow();
      await add(nthMove(ACME, 2));
      proxy.heal();
      await reader.until(4);
      expect(reader.seen).toEqual(['gap', id(ACME, 1), 'gap', id(ACME, 2)]);

      await broker.restart();
      await eventually(async () => client.ping(), { what: 'the test’s own connection' });
      await eventually(async () => reader.seen.at(-1) === 'gap', { what: 'a gap after the restart' });
      await add(nthMove(ACME, 3));
      await eventually(async () => reader.seen.at(-1) === id(ACME, 3), { what: 'the next move' });
      expect(reader.seen.filter((one) => one !== 'gap')).toEqual(moves(ACME, 1, 3).map((one) => one.id));
    });

    test('continues at the new end of a stream that has lost its entries', async () => {
      const reader = start({ after: '5000-0' });
      await reader.until(1);
      await add(nthMove(ACME, 1));
      await reader.until(2);
      expect(reader.seen).toEqual(['gap', id(ACME, 1)]);
    });

    test('ends immediately when its signal aborts, while it waits for an entry or for an unreachable Redis', async () => {
      const waiting = start();
      await waiting.until(1);
      await waiting.stop();
      expect(waiting.seen).toEqual(['gap']);
      await broker.kill();
      await start().stop();
    });
  },
);
