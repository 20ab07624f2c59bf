import type { Channel } from 'amqplib';

import { MOVE_EXCHANGE } from '../../core/sink.ts';
import { closeCode } from './close-code.ts';
import type { RabbitConnection } from './connection.ts';
import { consumerLimits } from './limits.ts';

export interface ConsumerQueue {
  readonly queue: string;
  readonly bindings: readonly string[];
  /** So often a move is delivered again before it is dead. */
  readonly deliveryLimit: number;
}

/** The exchange, and the queue, of what a consumer could not apply. */
export function deadQueue(queue: string): string {
  return `${queue}.dead`;
}

export async function isThere(connection: RabbitConnection, queue: string): Promise<boolean> {
  try {
    await connection.aside((channel) => channel.checkQueue(queue));
    return true;
  } catch (error) {
    if (closeCode(error) === 'not_found') return false;
    throw error;
  }
}

/**
 * Declares a consumer's queue, its dead letters, and what it is bound for. The exchange is not declared: the one who publishes knows how,
 * and until it has, the binding fails and is tried again. Bindings of an earlier time stay; what they bring is passed over.
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
        // Explicit: before RabbitMQ 4 there is none, and a move that kills its consumer would come back for ever.
        'x-delivery-limit': deliveryLimit,
        'x-dead-letter-exchange': deadQueue(queue),
        // A dead letter leaves its queue when the other one has confirmed it. RabbitMQ does that only for a queue that says no when it is
        // full; without a maximal length it never is.
        'x-dead-letter-strategy': 'at-least-once',
        'x-overflow': 'reject-publish',
        // A second process of the same consumer stands by. Two at once would each see half of the moves.
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
