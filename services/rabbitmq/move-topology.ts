import type { Channel } from 'amqplib';
import type { Logger } from 'pino';

import { MOVE_EXCHANGE } from '@pointsman/protocol/sinks/sink';
import { closeCode } from '@pointsman/client/internal/rabbitmq/close-code';
import type { RabbitConnection } from '@pointsman/client/internal/rabbitmq/connection';
import { unroutedLimits } from './limits.ts';

/**
 * What happens to a move that is not routed to any queue. With `mandatory`, the broker returns the move, so the
 * publisher detects the problem. With `alternate`, the broker stores the move in the alternate queue and does not
 * return it.
 */
export type Unrouted = 'mandatory' | 'alternate';

/** The name of the exchange for unroutable moves, and of its queue. */
export const UNROUTED = 'pointsman.unrouted';

/** Whether the exchange has the arguments that Pointsman expects. */
export type ExchangeState =
  /**
   * Pointsman has declared the exchange. Or Pointsman is not permitted to declare it; an operator has then declared
   * it, presumably with the expected arguments.
   */
  | 'ours'
  /** The exchange was declared with other arguments. It is unknown whether the broker returns unroutable messages. */
  | 'other';

/**
 * Declares the exchange for moves. If the declaration is not permitted, or the exchange exists with other arguments,
 * the existing exchange is used. Delivering moves is more important than the correct arguments. Rejects if the
 * exchange does not exist and can't be declared.
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
