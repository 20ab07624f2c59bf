import type { Channel } from 'amqplib';
import type { Logger } from 'pino';

import { MOVE_EXCHANGE } from '../../core/sink.ts';
import { closeCode } from './close-code.ts';
import type { RabbitConnection } from './connection.ts';
import { unroutedLimits } from './limits.ts';

/**
 * What becomes of a move that no queue is bound for. `mandatory`: the broker sends it back, and we know. `alternate`: the broker puts it
 * into a queue of its own, and sends nothing back, whatever the message asked for.
 */
export type Unrouted = 'mandatory' | 'alternate';

/** Exchange and queue of what nobody wanted. */
export const UNROUTED = 'pointsman.unrouted';

/** How the exchange is there. */
export type ExchangeState =
  /** As it was declared here, or as an operator made it who lets nobody declare. */
  | 'ours'
  /** With other arguments: whether it sends back what it can't route is not known. */
  | 'other';

/**
 * Declares what moves are published to. An exchange that we may not declare, or that somebody made in another way, is used as it is: those
 * who are bound to it hear of moves, which is worth more than our being right about its arguments. Rejects when there is none.
 */
export async function declareMoveExchange(
  connection: RabbitConnection,
  unrouted: Unrouted,
  log: Logger,
): Promise<ExchangeState> {
  try {
    await connection.aside((channel) => declare(channel, unrouted));
    return 'ours';
  } catch (error) {
    const code = closeCode(error);
    if (code !== 'access_refused' && code !== 'precondition_failed') throw error;
    await connection.aside((channel) => channel.checkExchange(MOVE_EXCHANGE));
    log.warn({ err: error, exchange: MOVE_EXCHANGE, unrouted }, 'the exchange is used as somebody made it');
    return code === 'access_refused' ? 'ours' : 'other';
  }
}

async function declare(channel: Channel, unrouted: Unrouted): Promise<void> {
  if (unrouted === 'alternate') await declareUnrouted(channel);
  await channel.assertExchange(MOVE_EXCHANGE, 'topic', {
    durable: true,
    ...(unrouted === 'alternate' ? { alternateExchange: UNROUTED } : {}),
  });
}

async function declareUnrouted(channel: Channel): Promise<void> {
  await channel.assertExchange(UNROUTED, 'fanout', { durable: true });
  await channel.assertQueue(UNROUTED, {
    durable: true,
    arguments: {
      'x-queue-type': 'quorum',
      'x-max-length': unroutedLimits.messages,
      'x-overflow': 'drop-head',
    },
  });
  await channel.bindQueue(UNROUTED, UNROUTED, '');
}
