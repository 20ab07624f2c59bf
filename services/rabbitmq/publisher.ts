import type { Logger } from 'pino';

import { reconnecting } from '../connections/reconnecting.ts';
import type { Published, RabbitMessage } from './confirms.ts';
import { rabbitLimits } from './limits.ts';
import { openRabbitSession, type RabbitSession } from './session.ts';

export interface RabbitPublisher {
  /**
   * Publishes and waits for the confirm. With a queue, that one is declared first. Never rejects, and ends within the connection's and the
   * confirm's bounds: nothing is parked here while the broker is away, since whoever asks can wait durably and we can't.
   */
  publish(message: RabbitMessage, options?: { queue?: string }): Promise<Published>;
  close(): Promise<void>;
}

/** Connects when there is something to publish, and again at the next message after the connection was lost. */
export function rabbitPublisher({ url, log }: { url: string; log: Logger }): RabbitPublisher {
  const sessions = reconnecting(() => openRabbitSession(url));
  let closed = false;
  let inFlight = 0;

  const publish = async (message: RabbitMessage, queue: string | undefined): Promise<Published> => {
    let session: RabbitSession;
    try {
      session = await sessions.current();
    } catch (error) {
      // Its message may name hosts and users, which are nobody's business but the operator's.
      log.warn({ err: error, correlationId: message.correlationId }, 'RabbitMQ can not be reached');
      return unknown('it can not be reached');
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
      if (inFlight >= rabbitLimits.inFlight) return unknown('too many messages wait for their confirm');
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
