import { LRUCache } from 'lru-cache';

import { confirmedPublisher, type Published, type RabbitMessage } from './confirms.ts';
import { openRabbitConnection, type RabbitConnection } from '@pointsman/client/internal/rabbitmq/connection';
import { publishLimits } from './limits.ts';

/** One connection with one confirm channel. It lasts from the login until the connection ends. */
export interface RabbitSession extends RabbitConnection {
  /**
   * Publishes a message. Never rejects, and ends within {@link rabbitLimits.confirmMs}. Messages arrive in the order of
   * the calls. A message that is in flight when the session ends has the result `unknown`.
   */
  publish(message: RabbitMessage): Promise<Published>;
  /** Like `publish`, but first declares the queue as a Celery worker would: durable, classic, without arguments. */
  publishToQueue(queue: string, message: RabbitMessage): Promise<Published>;
}

/** Connects, logs in, and opens the channel. Rejects if that fails or exceeds the time limit. */
export async function openRabbitSession(url: string): Promise<RabbitSession> {
  const connection = await openRabbitConnection(url);
  try {
    return await sessionOf(connection);
  } catch (error) {
    connection.destroy('the channel could not be opened');
    throw error;
  }
}

async function sessionOf(connection: RabbitConnection): Promise<RabbitSession> {
  const channel = await connection.inTime(
    () => connection.model.createConfirmChannel(),
    'no channel in time',
  );
  channel.on('error', () => undefined);
  channel.on('close', () => connection.destroy('the channel was closed'));
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
 * Remembers the queues that this connection has declared. A failed declaration is ignored, because the queue may exist
 * with other arguments (a quorum queue), or this user may not be allowed to declare it. The publish itself shows
 * whether the queue exists.
 */
function declaredQueues(connection: RabbitConnection) {
  const declared = new LRUCache<string, Promise<void>>({ max: publishLimits.declaredQueues });
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
