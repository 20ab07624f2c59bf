import { type ConfirmChannel, connect } from 'amqplib';
import { pino } from 'pino';

import type { MoveEvent } from '../../packages/protocol/moves/move-event.ts';
import { MOVE_EXCHANGE, moveRoutingKey } from '../../packages/protocol/sinks/sink.ts';
import { publishLimits } from '../../services/rabbitmq/limits.ts';
import { rabbitMoveExchange } from '../../services/rabbitmq/move-exchange.ts';
import type { SinkTarget } from '../../services/sinks/target.ts';
import { startRabbitmq } from '../support/servers/brokers.ts';
import { batchOf, madeMove, overAmqp } from '../support/data/moves.ts';
import type { BenchRow } from './measure.ts';

const ROUNDS = 8;
const BATCH = 500;
const BATCHES = 20;
const QUEUE = 'bench';

/** Measures the confirmed moves per second into one quorum queue. Our sink and a bare client take turns. */
export async function benchRabbitExchange(): Promise<BenchRow[]> {
  const broker = await startRabbitmq();
  const target = rabbitMoveExchange({
    url: broker.url,
    log: pino({ level: 'silent' }),
    unrouted: 'mandatory',
  });
  const bare = await connect(broker.url, { noDelay: true });
  try {
    await target.probe();
    await overAmqp(broker.url, async (channel) => {
      await channel.assertQueue(QUEUE, { durable: true, arguments: { 'x-queue-type': 'quorum' } });
      await channel.bindQueue(QUEUE, MOVE_EXCHANGE, '#');
    });
    const channel = await bare.createConfirmChannel();
    const ours: number[] = [];
    const theirs: number[] = [];
    for (let round = 0; round <= ROUNDS; round++) {
      const events = eventsOf(round);
      const theirMs = await timed(() => sendBare(channel, events));
      const ourMs = await timed(() => sendOurs(target, events));
      await channel.purgeQueue(QUEUE);
      // The first round is a warm-up and is not counted.
      if (round === 0) continue;
      ours.push(ourMs);
      theirs.push(theirMs);
    }
    const [measured, floor] = [perSecond(ours), perSecond(theirs)];
    return [
      {
        name: `confirmed moves a second, batches of ${BATCH}, one quorum queue`,
        measured: `${measured.toFixed(0)}/s`,
        floor: `${floor.toFixed(0)}/s, a bare confirm channel with the same window`,
        ratio: measured / floor,
        aim: 'at least 0.7 × the floor’s',
      },
    ];
  } finally {
    await bare.close();
    await target.close();
    await broker.stop();
  }
}

function eventsOf(round: number): MoveEvent[] {
  const first = round * BATCH * BATCHES;
  return Array.from({ length: BATCH * BATCHES }, (_none, nth) => madeMove({ generation: first + nth + 1 }));
}

async function sendOurs(target: SinkTarget, events: readonly MoveEvent[]): Promise<void> {
  for (let from = 0; from < events.length; from += BATCH) {
    const batch = events.slice(from, from + BATCH);
    const { count } = await target.send(batchOf(batch, () => true));
    if (count !== batch.length) throw new Error('a batch was not confirmed');
  }
}

/**
 * Publishes the same messages in the same batches as the sink does: mandatory, persistent, and with the same number
 * of unconfirmed messages.
 */
async function sendBare(channel: ConfirmChannel, events: readonly MoveEvent[]): Promise<void> {
  for (let from = 0; from < events.length; from += BATCH) {
    const batch = events.slice(from, from + BATCH);
    await new Promise<void>((resolve, reject) => {
      let [next, confirmed] = [0, 0];
      const publish = (): void => {
        const event = batch[next++];
        if (event === undefined) return;
        const options = {
          mandatory: true,
          persistent: true,
          contentType: 'application/cloudevents+json; charset=utf-8',
          messageId: event.id,
          correlationId: event.data.correlationId,
          type: event.type,
          timestamp: Math.floor(Date.parse(event.time) / 1_000),
        };
        const body = Buffer.from(JSON.stringify(event));
        channel.publish(MOVE_EXCHANGE, moveRoutingKey(event.data), body, options, (error: unknown) => {
          if (error !== null) return reject(new Error('not confirmed', { cause: error }));
          if (++confirmed === batch.length) resolve();
          else publish();
        });
      };
      for (let under = 0; under < publishLimits.inFlight; under++) publish();
    });
  }
}

async function timed(work: () => Promise<void>): Promise<number> {
  const began = performance.now();
  await work();
  return performance.now() - began;
}

function perSecond(tookMs: readonly number[]): number {
  const totalMs = tookMs.reduce((sum, ms) => sum + ms, 0);
  return (tookMs.length * BATCH * BATCHES * 1_000) / totalMs;
}
