import { LRUCache } from 'lru-cache';

import { confirmedPublisher, type Published, type RabbitMessage } from './confirms.ts';
import { openRabbitConnection, type RabbitConnection } from './connection.ts';
import { rabbitLimits } from './limits.ts';

/** One connection with one confirm channel, from its login to whatever ends it. */
export interface RabbitSession extends RabbitConnection {
  /**
   * Never rejects, and ends within {@link rabbitLimits.confirmMs}. What is published here in some order arrives in that order; what is in
   * flight when it ends is `unknown`.
   */
  publish(message: RabbitMessage): Promise<Published>;
  /** The same, once that queue is declared as a Celery worker would declare it: durable, classic, without arguments. */
  publishToQueue(queue: string, message: RabbitMessage): Promise<Published>;
}

/** Connects, logs in, and opens the channel. Rejects when that fails or takes too long. */
export async function openRabbitSession(url: string): Promise<RabbitSession> {
  const connection = await openRabbitConnection(url);
  try {
    return await sessionOf(connection);
  } catch (error) {
    connection.cut('there is no channel');
    throw error;
  }
}

async function sessionOf(connection: RabbitConnection): Promise<RabbitSession> {
  const channel = await connection.inTime(
    () => connection.model.createConfirmChannel(),
    'no channel in time',
  );
  channel.on('error', () => undefined);
  channel.on('close', () => connection.cut('the channel was closed'));
  const publish = confirmedPublisher(channel);
  const declared = declaredQueues(connection);
  return {
    ...connection,
    publish: (message) => connection.inTime(() => publish(message), 'no confirm in time'),
    publishToQueue: (queue, message) =>
      connection.inTime(async () => {
        await declared.declare(queue);
        const published = await publish(message);
        if (published.kind === 'unroutable') declared.forget(queue);
        return published;
      }, 'no confirm in time'),
  };
}

/**
 * The queues that this connection has declared. It may go wrong well: a queue is there with other arguments (a quorum queue), or may not be
 * declared by us. Whether there is one in the end, the message itself finds out.
 */
function declaredQueues(connection: RabbitConnection) {
  const declared = new LRUCache<string, Promise<void>>({ max: rabbitLimits.declaredQueues });
  const declare = async (queue: string): Promise<void> => {
    try {
      await connection.aside((channel) => channel.assertQueue(queue, { durable: true }));
    } catch {
      return;
    }
  };
  return {
    declare: (queue: string): Promise<void> => {
      const known = declared.get(queue) ?? declare(queue);
      declared.set(queue, known);
      return known;
    },
    forget: (queue: string): void => void declared.delete(queue),
  };
}
