import type { Channel } from 'amqplib';

import { MOVE_EXCHANGE } from '@pointsman/protocol/sinks/sink';
import { closeCode } from './close-code.ts';
import type { RabbitConnection } from './connection.ts';
import { consumerLimits } from './limits.ts';

export interface ConsumerQueue {
  readonly queue: string;
  readonly bindings: readonly string[];
  /** How many times a failed move is redelivered before it is dead-lettered. */
  readonly deliveryLimit: number;
}

/** The name of the dead-letter exchange and queue of a consumer. */
export function deadQueue(queue: string): string {
  return `${queue}.dead`;
}

export async function exists(connection: RabbitConnection, queue: string): Promise<boolean> {
  try {
    await connection.aside((channel) => channel.checkQueue(queue));
    return true;
  } catch (error) {
    if (closeCode(error) === 'not_found') return false;
    throw error;
  }
}

/**
 * Declares a consumer's queue, its dead-letter queue and its bindings. It does not declare the exchange,
 * because only the publisher knows its arguments. Until the exchange exists, the binding fails and is
 * retried. Bindings from an earlier configuration remain, and the consumer skips their moves.
 */
export async function declareConsumerQueue(
  connection: RabbitConnection,
  { queue, bindings, deliveryLimit }: ConsumerQueue,
): Promise<void> {
  await connection.aside(async (channel) => {
    await declareDead(channel, deadQueue(queue));
    await channel.assertQueue(queue, {
      durable: true,
      arguments: {
        'x-queue-type': 'quorum',
        // Explicit, because before RabbitMQ 4 there is no default limit, and a move that crashes its consumer
        // would be redelivered permanently.
        'x-delivery-limit': deliveryLimit,
        'x-dead-letter-exchange': deadQueue(queue),
        // A dead-lettered message leaves its queue only when the dead-letter queue has confirmed it. RabbitMQ
        // requires `reject-publish` for this. Without a maximum length the queue is never full.
        'x-dead-letter-strategy': 'at-least-once',
        'x-overflow': 'reject-publish',
        // A second process of the same consumer is on standby. Two active ones would each receive half of the
        // moves.
        'x-single-active-consumer': true,
        'x-expires': consumerLimits.unusedMs,
      },
    });
    for (const binding of bindings) await channel.bindQueue(queue, MOVE_EXCHANGE, binding);
  });
}

async function declareDead(channel: Channel, name: string): Promise<void> {
  await channel.assertExchange(name, 'fanout', { durable: true });
  await channel.assertQueue(name, {
    durable: true,
    arguments: {
      'x-queue-type': 'quorum',
      'x-max-length': consumerLimits.deadMessages,
      'x-overflow': 'drop-head',
    },
  });
  await channel.bindQueue(name, name, '');
}
