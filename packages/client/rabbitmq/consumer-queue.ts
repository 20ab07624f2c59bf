import type { Channel } from 'amqplib';

import { MOVE_EXCHANGE } from '@pointsman/protocol/sinks/sink';
import { closeCode } from './close-code.ts';
import type { RabbitConnection } from './connection.ts';
import { consumerLimits } from './limits.ts';

export interface ConsumerQueue {
  readonly queue: string;
  readonly bindings: readonly string[];
  /** The number of redeliveries of a failed move. After that the broker dead-letters the move. */
  readonly deliveryLimit: number;
}

/** Returns the name of a consumer's dead-letter exchange and dead-letter queue. */
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
 * Declares the queue of a consumer, its dead-letter queue and its bindings. Does not declare the exchange,
 * because only the publisher knows the arguments of the exchange. As long as the exchange does not exist, the
 * binding fails, and the consumer tries again. Bindings of an earlier configuration are not removed; the
 * consumer ignores the moves that they route.
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
        // The limit is set explicitly, because RabbitMQ before version 4 has no default. A move that crashes
        // its consumer would be redelivered without end.
        'x-delivery-limit': deliveryLimit,
        'x-dead-letter-exchange': deadQueue(queue),
        // With this strategy, a message leaves the queue only after the dead-letter queue has confirmed it.
        // RabbitMQ requires the overflow behaviour `reject-publish` for that. It has no effect here, because
        // the queue has no maximum length.
        'x-dead-letter-strategy': 'at-least-once',
        'x-overflow': 'reject-publish',
        // Only one process of the consumer receives moves, and the others are on standby. With two active
        // processes, each would receive half of the moves.
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
