import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';

import type { MoveEvent } from '../../../packages/protocol/moves/move-event.ts';
import { consumeMoves, type MoveConsumerOptions } from '../../../packages/client/rabbitmq/move-consumer.ts';
import type { Missed } from '../../../packages/client/rabbitmq/move-progress.ts';
import { rabbitMoveExchange } from '../../../services/rabbitmq/move-exchange.ts';
import { tailMoves, type TailedMove } from '../../../packages/client/rabbitmq/move-tail.ts';
import { startRabbitmq, type TestBroker } from '../../support/servers/brokers.ts';
import { eventually } from '../../support/runs/eventually.ts';
import { batchOf, drained, madeMove, madeMoves, overAmqp } from '../../support/data/moves.ts';
import { skipWithout } from '../../support/servers/system-packages.ts';

const log = pino({ level: 'silent' });

describe.skipIf(skipWithout('consumers of moves in RabbitMQ', ['rabbitmq-server']))(
  'a consumer of moves in RabbitMQ',
  () => {
    let broker: TestBroker;
    let ends = new AsyncDisposableStack();
    let queues = 0;

    beforeAll(async () => {
      broker = await startRabbitmq();
    });
    afterAll(() => broker.stop());
    afterEach(async () => {
      await ends.disposeAsync();
      ends = new AsyncDisposableStack();
    });

    /**
     * Starts a consumer that records the moves it applies and the snapshots it requests. Resolves when its queue is
     * bound.
     */
    const consume = async (
      {
        snapshot = async () => [],
        ...more
      }: Partial<MoveConsumerOptions> & Pick<MoveConsumerOptions, 'bindings'>,
      queue = `fleet-${++queues}`,
    ) => {
      const applied: string[] = [];
      const missed: Missed[] = [];
      const consumer = consumeMoves({
        url: broker.url,
        log,
        queue,
        apply: async (event) => void applied.push(event.id),
        snapshot: async (what, signal) => {
          missed.push(what);
          return snapshot(what, signal);
        },
        ...more,
      });
      ends.defer(() => consumer.close());
      // The consumer requests its first snapshot after it has bound its queue, so the queue is bound now.
      await eventually(async () => missed.length > 0, { what: 'it has begun' });
      await eventually(() => consumer.depth(), { what: 'its queue is there' });
      return { applied, missed, consumer, queue };
    };
    const send = async (events: readonly MoveEvent[]): Promise<void> => {
      const target = rabbitMoveExchange({ url: broker.url, log, unrouted: 'mandatory' });
      expect((await target.send(batchOf(events))).stopped).toBeNull();
      await target.close();
    };
    const raw = (queue: string, body: string): Promise<unknown> =>
      overAmqp(broker.url, async (channel) => channel.sendToQueue(queue, Buffer.from(body)));
    const until = (what: string, holds: () => boolean): Promise<unknown> =>
      eventually(async () => holds(), { what });

    beforeAll(() => send([]).then(() => send(madeMoves(1, 1))));

    test('applies every move of its pattern once and in order, and then acknowledges it', async () => {
      const { applied, missed, consumer } = await consume({ bindings: ['acme.support-bot.*'] });
      await send([...madeMoves(1, 100), ...madeMoves(1, 5, { bundle: 'other' }), ...madeMoves(90, 120)]);
      await until('all are applied', () => applied.length === 120);
      expect(applied).toEqual(madeMoves(1, 120).map(({ id }) => id));
      expect(missed).toEqual([{ kind: 'queue' }]);
      await eventually(async () => (await consumer.depth())?.waiting === 0, { what: 'the queue is empty' });
    });

    test('drops a move that is older than its snapshot or than the last applied move', async () => {
      const pointer = { tenant: 'acme', bundle: 'support-bot', channel: 'live' };
      const { applied } = await consume({
        bindings: ['acme.support-bot.live'],
        snapshot: async () => [{ ...pointer, generation: 5 }],
      });
      await send([...madeMoves(3, 7), ...madeMoves(1, 8)]);
      await until('the last is applied', () => applied.length === 3);
      expect(applied).toEqual([6, 7, 8].map((generation) => `acme:support-bot:live:${generation}`));
    });

    test('that receives all moves of a tenant detects a missing move by the sequence number of the tenant, and takes a snapshot first', async () => {
      const order: string[] = [];
      await consume({
        bindings: ['acme.#'],
        apply: async (event) => void order.push(event.id),
        snapshot: async (what) => {
          order.push(what.kind);
          return [];
        },
      });
      const other = { bundle: 'other', generation: 1 };
      await send([madeMove({ generation: 1, seq: 1 }), madeMove({ ...other, seq: 2 })]);
      await send([madeMove({ generation: 2, seq: 5 }), madeMove({ generation: 3, seq: 6 })]);
      await until('the last is applied', () => order.length === 6);
      expect(order).toEqual([
        'queue',
        'acme:support-bot:live:1',
        'acme:other:live:1',
        'tenant',
        'acme:support-bot:live:2',
        'acme:support-bot:live:3',
      ]);
    });

    test('that receives some moves of a tenant detects a missing move only by the generation of the pointer', async () => {
      const { applied, missed } = await consume({ bindings: ['acme.support-bot.live'] });
      await send([madeMove({ generation: 1, seq: 10 }), madeMove({ generation: 2, seq: 40 })]);
      await send([madeMove({ generation: 4, seq: 50 })]);
      await until('the last is applied', () => applied.length === 3);
      const pointer = { tenant: 'acme', bundle: 'support-bot', channel: 'live' };
      expect(missed).toEqual([{ kind: 'queue' }, { kind: 'pointer', pointer }]);
    });

    test('dead-letters a move at exactly the delivery limit if its handler always fails, and applies the other moves', async () => {
      let tries = 0;
      const { applied, consumer, queue } = await consume({
        bindings: ['acme.*.live'],
        deliveryLimit: 2,
        apply: async (event) => {
          if (event.data.bundle === 'poison' && ++tries > 0) throw new Error('never');
          applied.push(event.id);
        },
      });
      await send([madeMove({ bundle: 'poison', generation: 1 }), ...madeMoves(1, 3)]);
      await eventually(async () => (await consumer.depth())?.dead === 1, { what: 'it is dead' });
      // RabbitMQ delivered the message once and redelivered it twice.
      expect(tries).toBe(3);
      expect(applied).toEqual(madeMoves(1, 3).map(({ id }) => id));
      const [dead] = await drained(broker.url, `${queue}.dead`);
      expect(dead!.properties).toMatchObject({ messageId: 'acme:poison:live:1' });
      expect(dead!.properties.headers).toMatchObject({
        'x-first-death-queue': queue,
        'x-first-death-reason': 'delivery_limit',
      });
    });

    test('retries a move when the snapshot before it fails, and takes the snapshot again', async () => {
      let tries = 0;
      const { applied, missed } = await consume({
        bindings: ['acme.support-bot.live'],
        snapshot: async (what) => {
          if (what.kind === 'pointer' && ++tries === 1) throw new Error('the control plane is away');
          return [];
        },
      });
      await send(madeMoves(3, 3));
      await until('it is applied', () => applied.length === 1);
      expect(missed.map(({ kind }) => kind)).toEqual(['queue', 'pointer', 'pointer']);
    });

    test('dead-letters an invalid message immediately, skips a test event of the sink, and still applies the next move', async () => {
      const { applied, consumer, queue } = await consume({ bindings: ['acme.support-bot.live'] });
      const move = madeMove({ generation: 1 });
      const { data: _data, ...envelope } = move;
      const garbage = [
        'no json',
        '{}',
        JSON.stringify({ ...move, type: 'somebody.elses' }),
        JSON.stringify({ ...move, data: { ...move.data, generation: -1 } }),
        JSON.stringify({ ...move, data: { ...move.data, more: 'x'.repeat(70_000) } }),
      ];
      for (const body of garbage) await raw(queue, body);
      await raw(queue, JSON.stringify({ ...envelope, type: 'pointsman.sink.test' }));
      // The consumer ignores this move of another tenant, which should not be in its queue.
      await raw(queue, JSON.stringify(madeMove({ tenant: 'globex', generation: 1 })));
      await send([move]);
      await until('the move is applied', () => applied.length === 1);
      await eventually(async () => (await consumer.depth())?.dead === garbage.length, { what: 'it is dead' });
      expect(applied).toEqual([move.id]);
      const dead = await drained(broker.url, `${queue}.dead`);
      expect(dead.map(({ properties }) => properties.headers?.['x-first-death-reason'] as unknown)).toEqual(
        garbage.map(() => 'rejected'),
      );
    });

    test('continues where the previous consumer of its queue stopped', async () => {
      const first = await consume({ bindings: ['acme.support-bot.live'] });
      await send(madeMoves(1, 3));
      await until('three are applied', () => first.applied.length === 3);
      await eventually(async () => (await first.consumer.depth())?.waiting === 0, {
        what: 'the queue is empty',
      });
      await first.consumer.close();
      await send(madeMoves(4, 5));
      const pointer = { tenant: 'acme', bundle: 'support-bot', channel: 'live' };
      const snapshot = async () => [{ ...pointer, generation: 3 }];
      const second = await consume({ bindings: ['acme.support-bot.live'], snapshot }, first.queue);
      await until('the others are applied', () => second.applied.length === 2);
      expect(second.applied).toEqual(madeMoves(4, 5).map(({ id }) => id));
      expect(second.missed).toEqual([{ kind: 'queue' }]);
    });

    test('declares its queue again after the queue was deleted, and takes a snapshot for the moves in between', async () => {
      const { applied, missed, queue } = await consume({ bindings: ['acme.support-bot.live'] });
      await overAmqp(broker.url, (channel) => channel.deleteQueue(queue));
      await until('it has fetched', () => missed.length === 2);
      await send(madeMoves(1, 1));
      await until('it is applied', () => applied.length === 1);
      expect(missed).toEqual([{ kind: 'queue' }, { kind: 'queue' }]);
    });

    test('can use a queue that the operator has declared, without declaring anything itself', async () => {
      const queue = 'an-operators';
      const consumer = consumeMoves({
        url: broker.url,
        log,
        queue,
        bindings: ['acme.support-bot.live'],
        topology: 'expect',
        apply: async () => undefined,
        snapshot: async () => [],
      });
      ends.defer(() => consumer.close());
      await eventually(
        async () => {
          await overAmqp(broker.url, (channel) => channel.assertQueue(queue, { durable: true }));
          // An active consumer proves that the library accepted the existing classic queue. By default it would
          // declare a quorum queue.
          return overAmqp(
            broker.url,
            async (channel) => (await channel.checkQueue(queue)).consumerCount === 1,
          );
        },
        { what: 'it consumes' },
      );
    });

    test('refuses invalid options immediately', () => {
      const options = {
        url: broker.url,
        log,
        queue: 'q',
        apply: async () => undefined,
        snapshot: async () => [],
      };
      for (const wrong of [
        { bindings: [] },
        { bindings: ['acme'] },
        { bindings: ['#'], prefetch: 0 },
        { bindings: ['#'], deliveryLimit: 1_000 },
      ])
        expect(() => consumeMoves({ ...options, ...wrong })).toThrow(/bindings|prefetch|deliveryLimit/);
    });

    test('that tails a pointer gets a gap marker first, then every move, and a gap marker wherever a move is missing', async () => {
      const stop = new AbortController();
      const pointer = { tenant: 'acme', bundle: 'support-bot', channel: 'live' };
      const seen: TailedMove[] = [];
      const tail = (async () => {
        for await (const one of tailMoves({ url: broker.url, pointer, signal: stop.signal, log }))
          seen.push(one);
      })();
      await until('it has begun', () => seen.length === 1);
      await send([...madeMoves(4, 5), ...madeMoves(1, 1, { bundle: 'other' }), ...madeMoves(4, 6)]);
      await send(madeMoves(8, 8));
      await until('all are there', () => seen.length === 6);
      stop.abort();
      await tail;
      expect(seen.map((one) => (one.kind === 'gap' ? 'gap' : one.event.data.generation))).toEqual([
        'gap',
        4,
        5,
        6,
        'gap',
        8,
      ]);
    });
  },
);
