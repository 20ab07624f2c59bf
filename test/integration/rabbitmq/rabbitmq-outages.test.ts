import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';

import type { MoveEvent } from '../../../packages/protocol/moves/move-event.ts';
import { openRabbitConnection } from '../../../packages/client/rabbitmq/connection.ts';
import { consumeMoves } from '../../../packages/client/rabbitmq/move-consumer.ts';
import { type MoveExchange, rabbitMoveExchange } from '../../../services/rabbitmq/move-exchange.ts';
import type { Missed } from '../../../packages/client/rabbitmq/move-progress.ts';
import { tailMoves, type TailedMove } from '../../../packages/client/rabbitmq/move-tail.ts';
import { queueDepths } from '../../../services/rabbitmq/queue-depths.ts';
import { startRabbitmq, type TestBroker } from '../../support/servers/brokers.ts';
import { eventually } from '../../support/runs/eventually.ts';
import { batchOf, madeMoves } from '../../support/data/moves.ts';
import { startSilentProxy } from '../../support/servers/silent-proxy.ts';
import { skipWithout } from '../../support/servers/system-packages.ts';

const log = pino({ level: 'silent' });
const MOVES = 3_000;

describe.skipIf(skipWithout('RabbitMQ killed and silent', ['rabbitmq-server']))(
  'with a RabbitMQ that is killed or does not respond',
  () => {
    let broker: TestBroker;
    let ends = new AsyncDisposableStack();
    const applied: string[] = [];
    const missed: Missed[] = [];

    const open = (url: string): MoveExchange => {
      const target = rabbitMoveExchange({ url, log, unrouted: 'mandatory' });
      ends.defer(() => target.close());
      return target;
    };
    const consume = () => {
      const consumer = consumeMoves({
        url: broker.url,
        log,
        queue: 'survivors',
        bindings: ['acme.#'],
        apply: async (event) => void applied.push(event.id),
        snapshot: async (what) => {
          missed.push(what);
          return [];
        },
      });
      ends.defer(() => consumer.close());
      return consumer;
    };
    const behindProxy = async () => {
      const proxy = await startSilentProxy(broker.port);
      ends.defer(() => proxy.stop());
      return { proxy, url: broker.url.replace(`:${broker.port}`, `:${proxy.port}`) };
    };

    beforeAll(async () => {
      broker = await startRabbitmq();
      // Declares the queue and the exchange in advance. A kill of the broker right after the declaration could lose
      // them.
      expect(await open(broker.url).probe()).toEqual({ kind: 'well' });
      const consumer = consume();
      await eventually(() => consumer.depth(), { what: 'the queue is there' });
      await ends.disposeAsync();
      ends = new AsyncDisposableStack();
      await broker.restartGently();
    });
    afterEach(async () => {
      await ends.disposeAsync();
      ends = new AsyncDisposableStack();
    });
    afterAll(() => broker.stop());

    test('a consumer that drops duplicates gets every move in order and once, although the broker is killed in the middle of batches (promise 7)', async () => {
      missed.length = 0;
      consume();
      const target = open(broker.url);
      const events = madeMoves(1, MOVES);
      let killed: Promise<void> = Promise.resolve();
      let kills = 0;
      let laters = 0;
      let sent = 0;
      while (sent < events.length) {
        const sending = target.send(batchOf(events.slice(sent, sent + 500)));
        if (sent >= 500 && kills < 2 && sent >= 1_000 * kills + 500) {
          kills++;
          killed = broker.kill().then(() => broker.restart());
        }
        const { count, stopped } = await sending;
        sent += count;
        if (stopped === null) continue;
        laters++;
        expect(stopped.kind).toBe('later');
        await killed;
      }
      expect([kills, laters > 0]).toEqual([2, true]);
      await eventually(async () => applied.length >= MOVES, { what: 'all are applied' });
      expect(applied).toEqual(events.map(({ id }) => id));
      // The consumer requested a snapshot only at the start, so it missed no move.
      expect(missed).toEqual([{ kind: 'queue' }]);
    });

    test('a batch to a broker that does not respond fails within a bounded time, even on a new connection, and succeeds when the broker responds again (promise 12)', async () => {
      const { proxy, url } = await behindProxy();
      const target = open(url);
      const events: MoveEvent[] = madeMoves(1, 500);
      expect(await target.send(batchOf(events.slice(0, 10)))).toMatchObject({ count: 10, stopped: null });
      proxy.swallow();
      const fresh = open(url);
      const answers = await Promise.all([
        target.send(batchOf(events)),
        target.probe(),
        fresh.send(batchOf(events)),
        fresh.probe(),
      ]);
      const later = { count: 0, stopped: { kind: 'later', retryAfterMs: null } };
      const down = { kind: 'down', reason: 'RabbitMQ is unreachable' };
      expect(answers).toMatchObject([later, down, later, down]);
      proxy.heal();
      expect(await target.send(batchOf(events))).toMatchObject({ count: 500, stopped: null });
      expect(await fresh.probe()).toEqual({ kind: 'well' });
    });

    test('the exchange can be closed while the broker does not respond', async () => {
      const { proxy, url } = await behindProxy();
      const target = open(url);
      expect(await target.probe()).toEqual({ kind: 'well' });
      proxy.swallow();
      const sending = target.send(batchOf(madeMoves(1, 1)));
      await target.close();
      expect(await sending).toMatchObject({ count: 0, stopped: { kind: 'later' } });
      expect(await target.send(batchOf(madeMoves(1, 1)))).toMatchObject({ stopped: { kind: 'later' } });
    });

    test('a consumer whose connection stops responding reconnects and loses no move', async () => {
      const { proxy, url } = await behindProxy();
      const got: string[] = [];
      let isBound = false;
      const consumer = consumeMoves({
        url,
        log,
        queue: 'silenced',
        bindings: ['acme.silenced.live'],
        apply: async (event) => void got.push(event.id),
        snapshot: async () => {
          isBound = true;
          return [];
        },
      });
      ends.defer(() => consumer.close());
      // Waits for the snapshot, which the consumer requests when its queue is bound. The mere existence of the queue
      // would be too early.
      await eventually(async () => isBound, { what: 'its queue is bound' });
      proxy.swallow();
      const target = open(broker.url);
      const moves = madeMoves(1, 5, { bundle: 'silenced' });
      expect(await target.send(batchOf(moves, () => true))).toMatchObject({ count: 5 });
      // The query times out before a heartbeat is missed, and closes the connection.
      expect(await consumer.depth()).toBeNull();
      proxy.heal();
      await eventually(async () => got.length === 5, { what: 'all are applied' });
      expect(got).toEqual(moves.map(({ id }) => id));
    });

    test('a query ends with its connection if its channel is closing when the broker stops responding or is killed', async () => {
      const { proxy, url } = await behindProxy();
      const silent = await openRabbitConnection(url);
      // The proxy swallows the close of the channel.
      const asked = silent.aside(async (channel) => {
        await channel.checkQueue('survivors');
        proxy.swallow();
      });
      await expect(asked).rejects.toThrow('no response in time');
      await silent.close();
      proxy.heal();

      const killed = await openRabbitConnection(url);
      const answered = killed.aside(async (channel) => {
        await channel.checkQueue('survivors');
        proxy.swallow();
        setTimeout(() => proxy.heal(), 100);
      });
      await expect(answered).rejects.toThrow('the connection has ended');
      await killed.close();
    });

    test('a tail of moves reports a gap after each new connection', async () => {
      const { proxy, url } = await behindProxy();
      const stop = new AbortController();
      ends.defer(() => stop.abort());
      const pointer = { tenant: 'acme', bundle: 'tailed', channel: 'live' };
      const seen: TailedMove['kind'][] = [];
      const tail = (async () => {
        for await (const { kind } of tailMoves({ url, pointer, signal: stop.signal, log })) seen.push(kind);
      })();
      await eventually(async () => seen.length === 1, { what: 'it has begun' });
      proxy.swallow();
      proxy.heal();
      await eventually(async () => seen.length === 2, { what: 'it has begun again' });
      await open(broker.url).send(batchOf(madeMoves(3, 3, { bundle: 'tailed' })));
      await eventually(async () => seen.length === 3, { what: 'the move is there' });
      expect(seen).toEqual(['gap', 'gap', 'moved']);
      stop.abort();
      await tail;
    });

    test('the queue metrics end within their own timeout and report the broker as down', async () => {
      const { proxy, url } = await behindProxy();
      const depths = queueDepths({ url, queues: ['survivors', 'nobodys'], log });
      ends.defer(() => depths.close());
      proxy.swallow();
      expect(await depths.read()).toEqual({ up: false, queues: [] });
      proxy.heal();
      const known = await eventually(
        async () => {
          const answer = await depths.read();
          return answer.up && answer;
        },
        { what: 'the depth is known again' },
      );
      expect(known.queues).toEqual([
        { queue: 'survivors', messages: expect.any(Number), consumers: expect.any(Number) },
      ]);
    });
  },
);
