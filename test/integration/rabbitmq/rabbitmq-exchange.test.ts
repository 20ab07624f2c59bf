import { connect } from 'amqplib';
import { HTTP, type CloudEvent } from 'cloudevents';
import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';

import { MOVE_EXCHANGE } from '../../../packages/protocol/sinks/sink.ts';
import { confirmedPublisher } from '../../../services/rabbitmq/confirms.ts';
import { type MoveExchange, rabbitMoveExchange } from '../../../services/rabbitmq/move-exchange.ts';
import { moveMessage } from '../../../services/rabbitmq/move-message.ts';
import { type Unrouted, UNROUTED } from '../../../services/rabbitmq/move-topology.ts';
import { SINK_TEST, type SinkEvent } from '../../../packages/protocol/moves/sink-event.ts';
import { startRabbitmq, type TestRabbitmq } from '../../support/servers/brokers.ts';
import { eventually } from '../../support/runs/eventually.ts';
import { batchOf, drained, madeMove, madeMoves, overAmqp } from '../../support/data/moves.ts';
import { skipWithout } from '../../support/servers/system-packages.ts';

describe.skipIf(skipWithout('the exchange of moves', ['rabbitmq-server']))(
  'the exchange of moves in RabbitMQ',
  () => {
    let broker: TestRabbitmq;
    let ends = new AsyncDisposableStack();
    let logged: string[] = [];

    beforeAll(async () => void (broker = await startRabbitmq()));
    afterAll(() => broker.stop());
    afterEach(async () => {
      await ends.disposeAsync();
      ends = new AsyncDisposableStack();
      logged = [];
      await overAmqp(broker.url, async (channel) => {
        await channel.deleteExchange(MOVE_EXCHANGE);
        await channel.deleteExchange(UNROUTED);
        await channel.deleteQueue(UNROUTED);
        await channel.deleteQueue('fleet');
      });
    });

    const open = (unrouted: Unrouted, url = broker.url): MoveExchange => {
      const log = pino({ level: 'debug' }, { write: (line: string) => void logged.push(line) });
      const target = rabbitMoveExchange({ url, log, unrouted });
      ends.defer(() => target.close());
      return target;
    };
    const bind = (pattern: string, more: Record<string, unknown> = {}): Promise<unknown> =>
      overAmqp(broker.url, async (channel) => {
        await channel.assertQueue('fleet', {
          durable: true,
          arguments: { 'x-queue-type': 'quorum', ...more },
        });
        await channel.bindQueue('fleet', MOVE_EXCHANGE, pattern);
      });
    const idsIn = async (queue: string): Promise<unknown[]> =>
      (await drained(broker.url, queue)).map(({ properties }) => properties.messageId as unknown);
    const all = { position: null, stopped: null };

    test('delivers a batch in order, each move as a CloudEvent that the CloudEvents library accepts', async () => {
      const target = open('mandatory');
      expect(await target.probe()).toEqual({ kind: 'well' });
      await bind('acme.*.live');
      const events = madeMoves(1, 600);
      expect(await target.send(batchOf(events))).toEqual({ count: 600, ...all });
      const messages = await drained(broker.url, 'fleet');
      expect(messages.map(({ properties }) => properties.messageId as unknown)).toEqual(
        events.map(({ id }) => id),
      );
      const [first] = messages;
      expect(first!.fields.routingKey).toBe('acme.support-bot.live');
      expect(first!.properties).toMatchObject({
        contentType: 'application/cloudevents+json; charset=utf-8',
        deliveryMode: 2,
        correlationId: 'acme:support-bot:v1',
        type: 'pointsman.pointer.moved',
        timestamp: Date.parse(events[0]!.time) / 1_000,
      });
      // A CloudEvent in structured mode has the same form in AMQP as in HTTP. The library supports HTTP better, so the
      // test reads it as an HTTP message.
      const headers = { 'content-type': String(first!.properties.contentType) };
      const read = HTTP.toEvent({ headers, body: first!.content.toString() }) as CloudEvent;
      expect(read.validate()).toBe(true);
      expect(read.id).toBe('acme:support-bot:live:1');
      expect(read.data).toEqual(events[0]!.data);
    });

    test('stops a batch before a required move while no queue is bound for it, and delivers the move when a queue is bound', async () => {
      const target = open('mandatory');
      await target.probe();
      await bind('acme.other.live');
      const events = [madeMove({ bundle: 'other', generation: 1 }), ...madeMoves(1, 3)];
      const must = (event: SinkEvent): boolean => event.type !== SINK_TEST && event.data.generation === 2;
      expect(await target.send(batchOf(events, must))).toEqual({
        count: 2,
        position: null,
        stopped: {
          kind: 'undelivered',
          reason: 'no queue is bound for acme.support-bot.live',
          responded: true,
        },
      });
      await bind('acme.support-bot.live');
      expect(await target.send(batchOf(events.slice(2), must))).toEqual({ count: 2, ...all });
      expect(await idsIn('fleet')).toEqual([
        'acme:other:live:1',
        'acme:support-bot:live:2',
        'acme:support-bot:live:3',
      ]);
    });

    test('counts and logs a move that no queue takes and that is not required, and continues with the batch', async () => {
      const target = open('mandatory');
      await target.probe();
      await bind('acme.other.live');
      const events = [...madeMoves(1, 3), madeMove({ bundle: 'other', generation: 1 })];
      expect(await target.send(batchOf(events))).toEqual({ count: 4, ...all });
      expect(target.unrouted()).toBe(3);
      expect(logged.filter((line) => line.includes('"unroutable":3'))).toHaveLength(1);
      expect(await idsIn('fleet')).toEqual(['acme:other:live:1']);
    });

    test('distinguishes a returned event from a delivered event with the same id while both are in flight', async () => {
      await open('mandatory').probe();
      await bind('acme.support-bot.live');
      const connection = await connect(broker.url);
      ends.defer(() => connection.close());
      const publish = confirmedPublisher(await connection.createConfirmChannel());
      const message = moveMessage(madeMove({ generation: 1 }), true);
      const nowhere = { ...message, routingKey: 'acme.support-bot.nowhere' };
      const answers = await Promise.all([message, nowhere, message, nowhere, nowhere, message].map(publish));
      const kinds = answers.map(({ kind }) => (kind === 'confirmed' ? 'c' : kind));
      expect(kinds).toEqual(['c', 'unroutable', 'c', 'unroutable', 'unroutable', 'c']);
    });

    test('stores unrouted moves in a separate queue if it has an alternate exchange, so they are not returned to the publisher', async () => {
      const target = open('alternate');
      await target.probe();
      await bind('acme.other.live');
      const events = [...madeMoves(1, 2), madeMove({ bundle: 'other', generation: 1 })];
      // An unroutable move counts as delivered, even if it is required: RabbitMQ has stored it in the alternate
      // exchange's queue.
      expect(await target.send(batchOf(events, () => true))).toEqual({ count: 3, ...all });
      expect(target.unrouted()).toBe(0);
      expect(await idsIn(UNROUTED)).toEqual(['acme:support-bot:live:1', 'acme:support-bot:live:2']);
      expect(await idsIn('fleet')).toEqual(['acme:other:live:1']);
    });

    test('is used if it already exists with other arguments, but a required move then waits', async () => {
      await open('alternate').probe();
      await bind('#');
      const target = open('mandatory');
      expect(await target.probe()).toEqual({ kind: 'well' });
      expect(await target.send(batchOf(madeMoves(1, 2)))).toEqual({ count: 2, ...all });
      const { count, stopped } = await target.send(batchOf(madeMoves(3, 3), () => true));
      expect(count).toBe(0);
      expect(stopped).toMatchObject({
        reason: expect.stringContaining('was declared with other arguments'),
        responded: false,
      });
      expect(logged.join('')).toContain('the exchange is used with its existing arguments');
    });

    test('is declared again after a batch or a probe has found that it was deleted', async () => {
      const target = open('mandatory');
      await target.probe();
      await overAmqp(broker.url, (channel) => channel.deleteExchange(MOVE_EXCHANGE));
      expect(await target.send(batchOf(madeMoves(1, 1)))).toMatchObject({
        count: 0,
        stopped: { kind: 'later' },
      });
      await eventually(async () => (await target.probe()).kind === 'well', {
        what: 'the exchange exists again',
      });
      await bind('#');
      expect(await target.send(batchOf(madeMoves(1, 1)))).toEqual({ count: 1, ...all });
      await overAmqp(broker.url, (channel) => channel.deleteExchange(MOVE_EXCHANGE));
      expect(await target.probe()).toEqual({
        kind: 'down',
        reason: `RabbitMQ has no exchange ${MOVE_EXCHANGE}`,
      });
      expect(await target.probe()).toEqual({ kind: 'well' });
    });

    test('stops a batch at a full queue, and does not send the later moves', async () => {
      const target = open('mandatory');
      await target.probe();
      await bind('#', { 'x-max-length': 5, 'x-overflow': 'reject-publish' });
      const { count, stopped } = await target.send(batchOf(madeMoves(1, 500)));
      expect(count).toBeLessThan(500);
      expect(stopped).toEqual({
        kind: 'undelivered',
        reason: 'a queue that is bound for acme.support-bot.live accepts no more messages',
        responded: true,
      });
      const ids = await idsIn('fleet');
      expect(ids.slice(0, count)).toEqual(madeMoves(1, count).map(({ id }) => id));
    });

    test('can be declared by an operator who allows the platform only to publish', async () => {
      await broker.ctl('add_user', 'publisher', 'only-publishes');
      await broker.ctl('set_permissions', 'publisher', '^$', '^pointsman\\.moves$', '^$');
      const url = broker.url.replace('guest:guest', 'publisher:only-publishes');
      const target = open('mandatory', url);
      expect(await target.probe()).toEqual({
        kind: 'down',
        reason: `RabbitMQ has no exchange ${MOVE_EXCHANGE}`,
      });
      await overAmqp(broker.url, (channel) => channel.assertExchange(MOVE_EXCHANGE, 'topic'));
      expect(await target.probe()).toEqual({ kind: 'well' });
      await bind('acme.other.live');
      expect(await target.send(batchOf(madeMoves(1, 1), () => true))).toMatchObject({
        count: 0,
        stopped: { reason: 'no queue is bound for acme.support-bot.live' },
      });
      expect(await target.send(batchOf([madeMove({ bundle: 'other', generation: 1 })]))).toEqual({
        count: 1,
        ...all,
      });
    });

    test('reports a broker that is short of disk as down, and as healthy when the alarm is over', async () => {
      const target = open('mandatory');
      expect(await target.probe()).toEqual({ kind: 'well' });
      await bind('#');
      await broker.ctl('set_disk_free_limit', String(9e14));
      const short = 'RabbitMQ accepts no messages: it is short of memory or disk';
      await eventually(async () => (await target.probe()).kind === 'down', { what: 'the alarm is seen' });
      expect(await target.probe()).toEqual({ kind: 'down', reason: short });
      expect(await target.send(batchOf(madeMoves(1, 1)))).toMatchObject({ stopped: { reason: short } });
      await broker.ctl('set_disk_free_limit', String(1e6));
      await eventually(async () => (await target.probe()).kind === 'well', { what: 'the alarm is over' });
      expect(await target.send(batchOf(madeMoves(1, 1)))).toEqual({ count: 1, ...all });
    });

    test('routes a test event of the sink to its tenant with a routing key that no bundle can have', async () => {
      const target = open('mandatory');
      await target.probe();
      await bind('acme.#');
      const { data: _data, ...envelope } = madeMove({ generation: 1 });
      const event = {
        ...envelope,
        id: 'try-1',
        type: SINK_TEST,
        data: { tenant: 'acme', sink: 'rabbitmq' },
      } as const;
      const batch = { tenant: 'acme', events: [event], atMs: 0, position: null, mustBeDelivered: () => true };
      expect(await target.send(batch)).toEqual({ count: 1, ...all });
      expect((await drained(broker.url, 'fleet')).map(({ fields }) => fields.routingKey)).toEqual([
        'acme.-.-',
      ]);
    });

    test('reports an unreachable broker to the tenant without the host and the user name of the broker', async () => {
      const target = open('mandatory', broker.url.replace('guest:guest', 'mallory:zq7-secret'));
      const said = JSON.stringify([await target.send(batchOf(madeMoves(1, 1))), await target.probe()]);
      expect(said).toContain('is unreachable');
      expect(said).not.toMatch(/mallory|zq7|127\.0\.0\.1|guest/);
    });
  },
);
