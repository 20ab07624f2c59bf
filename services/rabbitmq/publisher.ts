import type { Logger } from 'pino';

import { reconnecting } from '@pointsman/protocol/calls/reconnecting';
import type { Published, RabbitMessage } from './confirms.ts';
import { publishLimits } from './limits.ts';
import { openRabbitSession, type RabbitSession } from './session.ts';

export interface RabbitPublisher {
  /**
   * Publishes a message and waits for its confirm. If `queue` is given, the queue is declared first. The promise
   * always resolves, within the time limits of the connection and the confirm. A message is not stored while the
   * broker is unreachable. The caller must retry, because the caller's wait is durable and this process is not.
   */
  publish(message: RabbitMessage, options?: { queue?: string }): Promise<Published>;
  close(): Promise<void>;
}

/**
 * Creates a publisher. It connects when the first message is published, and again when a message is published after
 * the connection was lost.
 */
export function rabbitPublisher({ url, log }: { url: string; log: Logger }): RabbitPublisher {
  const sessions = reconnecting(() => openRabbitSession(url));
  let closed = false;
  let inFlight = 0;

  const publish = async (message: RabbitMessage, queue: string | undefined): Promise<Published> => {
    let session: RabbitSession;
    try {
      session = await sessions.current();
    } catch (error) {
      // The error is only logged, because its message may contain host and user names that tenants must not see.
      log.warn({ err: error, correlationId: message.correlationId }, 'RabbitMQ is unreachable');
      return unknown('it is unreachable');
    }
    const published =
      queue === undefined ? await session.publish(message) : await session.publishToQueue(queue, message);
    if (published.kind === 'unknown') {
      log.warn({ reason: published.summary, correlationId: message.correlationId }, 'a message may be lost');
    }
    return published;
  };

  return {
    publish: async (message, { queue } = {}) => {
      if (closed) return unknown('the publisher is closed');
      if (inFlight >= publishLimits.inFlight) return unknown('too many messages are waiting for a confirm');
      inFlight++;
      try {
        return await publish(message, queue);
      } finally {
        inFlight--;
      }
    },
    close: async () => {
      closed = true;
      await sessions.close();
    },
  };
}

function unknown(summary: string): Published {
  return { kind: 'unknown', summary };
}
