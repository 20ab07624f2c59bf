import { LRUCache } from 'lru-cache';

import { confirmedPublisher, type Published, type RabbitMessage } from './confirms.ts';
import { openRabbitConnection, type RabbitConnection } from '@pointsman/client/internal/rabbitmq/connection';
import { publishLimits } from './limits.ts';

/**
 * A connection with a confirm channel. It begins with the login, and ends when the connection or the channel is
 * closed.
 */
export interface RabbitSession extends RabbitConnection {
  /**
   * Publishes a message and waits for its confirm. The promise always resolves, within {@link
   * rabbitLimits.confirmMs}. Messages arrive in the order of the calls. If the session ends before the confirm, the
   * result is `unknown`.
   */
  publish(message: RabbitMessage): Promise<Published>;
  /**
   * Publishes a message to a queue. The queue is declared first, with the same properties as by a Celery worker:
   * durable, classic, and without arguments.
   */
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
 * Declares queues, and remembers which queues this connection has declared. A failed declaration is ignored. The
 * queue may exist with other arguments, for example as a quorum queue, or the user may not be permitted to declare
 * it. If the queue does not exist, the following publish fails.
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
