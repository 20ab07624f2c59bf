import type { Channel } from 'amqplib';
import type { Logger } from 'pino';

import { MOVE_EXCHANGE } from '@pointsman/protocol/sinks/sink';
import { closeCode } from '@pointsman/client/internal/rabbitmq/close-code';
import type { RabbitConnection } from '@pointsman/client/internal/rabbitmq/connection';
import { unroutedLimits } from './limits.ts';

/**
 * Selects what happens to a move without a bound queue. `mandatory`: the broker returns it, and the publisher detects
 * that. `alternate`: the broker puts it into the alternate queue, and never returns it.
 */
export type Unrouted = 'mandatory' | 'alternate';

/** The name of the exchange and of the queue for unroutable moves. */
export const UNROUTED = 'pointsman.unrouted';

/** The way in which the exchange was declared. */
export type ExchangeState =
  /** Declared by Pointsman, or by an operator who denies Pointsman the permission to declare it. */
  | 'ours'
  /** Declared with other arguments. It is unknown whether the broker returns unroutable messages. */
  | 'other';

/**
 * Declares the exchange for moves. If the broker does not permit the declaration, or the exchange exists with other
 * arguments, the exchange is used as it is: delivering moves to its bound queues matters more than its arguments.
 * Rejects if the exchange does not exist.
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
    log.warn(
      { err: error, exchange: MOVE_EXCHANGE, unrouted },
      'the exchange is used with its existing arguments',
    );
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
