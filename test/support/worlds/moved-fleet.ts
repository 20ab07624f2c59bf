import { pino } from 'pino';
import { createClient } from 'redis';

import { digestOf } from '../../../packages/protocol/digest.ts';
import type { PointerId } from '../../../packages/protocol/identifiers.ts';
import { MoveEvent } from '../../../packages/protocol/moves/move-event.ts';
import { BROKERS, MOVE_EXCHANGE, moveStream, sinkKey } from '../../../packages/protocol/sinks/sink.ts';
import { Sink } from '../../../handlers/contract/sink.ts';
import { postgresMoves } from '../../../services/postgres/channels/moves.ts';
import { findFeedEnd, listSinks } from '../../../services/postgres/sinks/sinks.ts';
import { accepted, type ControlPlane, settled } from './control-plane.ts';
import { overAmqp } from '../data/moves.ts';
import { type OutsideServer, startOutsideServer } from '../servers/outside-server.ts';
import { rabbitMoveExchange } from '../../../services/rabbitmq/move-exchange.ts';
import type { Random } from '../data/seeded-random.ts';

export interface ForgetfulEndpoint {
  readonly server: OutsideServer;
  readonly taken: readonly MoveEvent[];
  /** The number of requests to which it has responded with 503. */
  refused(): number;
}

/** Starts an endpoint that sometimes responds with 503, and sometimes accepts an event without responding. */
export async function startForgetfulEndpoint(random: Random): Promise<ForgetfulEndpoint> {
  const taken: MoveEvent[] = [];
  let refused = 0;
  const server = await startOutsideServer((request, response) => {
    const luck = random();
    if (luck < 0.003) {
      refused++;
      return void response.writeHead(503).end();
    }
    taken.push(MoveEvent.parse(JSON.parse(request.body)));
    if (luck < 0.006) return void response.destroy();
    response.writeHead(204).end();
  });
  return { server, taken, refused: () => refused };
}

/** Publishes the bundle of each pointer twice, so that the pointer can move between two releases. */
export async function publishTwice(plane: ControlPlane, pointers: readonly PointerId[]): Promise<void> {
  const publishAll = async ({ tenant, bundle }: PointerId): Promise<void> => {
    for (const text of ['one', 'two']) {
      const files = { 'config.json': JSON.stringify({ text }) };
      await settled(plane, tenant, await accepted(plane, tenant, { bundle, files }), { bundle });
    }
  };
  await Promise.all(pointers.map(publishAll));
}

/**
 * Moves a pointer of {@link publishTwice} back and forth that many times, directly in the database. Then it notifies the writers that
 * deliver moves, as the Tenant object does after each move. Ten thousand moves through that object would take many minutes.
 *
 * @returns the number of moves
 */
export async function moveBackAndForth(
  plane: ControlPlane,
  pointer: PointerId,
  times: number,
): Promise<number> {
  const moves = postgresMoves(plane.db, { brokers: BROKERS });
  let moved = 0;
  for (let n = 0; n < times; n++) {
    const { sinksToNotify = [], ...answer } = await moves.moveByHand({
      ...pointer,
      version: n % 2 === 0 ? 1 : 2,
      ifGeneration: null,
      hold: null,
      why: 'test',
      by: 'test',
      idempotencyKey: crypto.randomUUID(),
      fingerprint: digestOf('a move'),
      requestId: 'test',
      at: Date.now(),
    });
    if (answer.kind === 'moved' && !answer.replayed) moved++;
    if (n % 10 !== 9) continue;
    for (const notification of sinksToNotify)
      await plane.ingress.sendClient(Sink, sinkKey(notification)).deliver(notification);
  }
  return moved;
}

/** One line of text for each sink of those tenants that has not received every move. */
export async function sinksBehind(plane: ControlPlane, tenants: readonly string[]): Promise<string[]> {
  const behind = [];
  for (const tenant of tenants) {
    const latest = await findFeedEnd(plane.db, tenant);
    const sinks = await listSinks(plane.db, tenant);
    const late = sinks.filter(({ deliveredSeq }) => deliveredSeq !== latest);
    behind.push(
      ...late.map(({ sink, deliveredSeq, lastError }) =>
        [tenant, sink, deliveredSeq, 'of', latest, lastError].join(' '),
      ),
    );
    if (sinks.length !== BROKERS.length + 1) behind.push(`${tenant} has ${sinks.length} sinks`);
  }
  return behind;
}

/** Reads all moves in the streams of those tenants. */
export async function inStreams(url: string, tenants: readonly string[]): Promise<MoveEvent[]> {
  const client = createClient({ url });
  await client.connect();
  try {
    const events = [];
    for (const stream of new Set(tenants.map((tenant) => moveStream(tenant)))) {
      const entries = (await client.xRange(stream, '-', '+')) ?? [];
      events.push(...entries.map(({ message }) => MoveEvent.parse(JSON.parse(message['event'] ?? ''))));
    }
    return events;
  } finally {
    client.destroy();
  }
}

/** Declares the exchange as the worker does, and binds a durable queue to it that receives all moves. */
export async function bindAudit(url: string, queue: string): Promise<void> {
  const exchange = rabbitMoveExchange({ url, log: pino({ level: 'silent' }), unrouted: 'mandatory' });
  await exchange.probe();
  await exchange.close();
  await overAmqp(url, async (channel) => {
    await channel.assertQueue(queue, { durable: true, arguments: { 'x-queue-type': 'quorum' } });
    await channel.bindQueue(queue, MOVE_EXCHANGE, '#');
  });
}

/** Reads all moves in such a queue, in order. */
export async function inQueue(url: string, queue: string): Promise<MoveEvent[]> {
  return overAmqp(url, async (channel) => {
    const { messageCount } = await channel.checkQueue(queue);
    const events: MoveEvent[] = [];
    const { promise: all, resolve } = Promise.withResolvers<void>();
    if (messageCount === 0) resolve();
    await channel.consume(
      queue,
      (message) => {
        if (message === null) return;
        events.push(MoveEvent.parse(JSON.parse(message.content.toString('utf8'))));
        if (events.length === messageCount) resolve();
      },
      { noAck: true },
    );
    await all;
    return events;
  });
}
