import type { ConfirmChannel } from 'amqplib';
import { randomUUID } from 'node:crypto';

export interface RabbitMessage {
  /** Empty for the exchange without a name, which routes by the name of the queue. */
  readonly exchange: string;
  readonly routingKey: string;
  readonly body: Buffer;
  readonly contentType: string;
  readonly contentEncoding: string;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly correlationId: string;
  /** After so long in its queue the broker drops it. Null to keep it. */
  readonly expirationMs: number | null;
}

/** What became of one message. */
export type Published =
  /** It is in every queue that it was routed to, and on their disks. */
  | { readonly kind: 'confirmed' }
  /** No queue is there that it could be routed to. It is gone, although the broker confirms that it took it. */
  | { readonly kind: 'unroutable' }
  /** It may be there or not. */
  | { readonly kind: 'unknown'; readonly summary: string };

/**
 * Publishes over that channel and waits for each message's confirm: for ever, unless the channel closes. The client resolves the confirm
 * of a message that no queue wanted, too: that it came back is told before, in an event of its own. The two are brought together
 * by a message id that is made here, since two messages of one task may be under way at once.
 */
export function confirmedPublisher(channel: ConfirmChannel): (message: RabbitMessage) => Promise<Published> {
  const returned = new Set<string>();
  channel.on('return', ({ properties }) => {
    if (typeof properties.messageId === 'string') returned.add(properties.messageId);
  });
  return (message) => {
    const messageId = randomUUID();
    const { promise, resolve } = Promise.withResolvers<Published>();
    const unknown = (error: unknown): void => {
      const summary = error instanceof Error ? error.message : 'the channel broke';
      resolve({ kind: 'unknown', summary });
    };
    const answered = (error: unknown): void => {
      const cameBack = returned.delete(messageId);
      if (error !== null) unknown(error);
      else resolve({ kind: cameBack ? 'unroutable' : 'confirmed' });
    };
    const { exchange, routingKey, body, headers, contentType, contentEncoding, correlationId } = message;
    const options = {
      headers,
      contentType,
      contentEncoding,
      correlationId,
      messageId,
      mandatory: true,
      persistent: true,
      ...(message.expirationMs === null ? {} : { expiration: message.expirationMs }),
    };
    try {
      channel.publish(exchange, routingKey, body, options, answered);
    } catch (error) {
      // It closed a moment ago.
      unknown(error);
    }
    return promise;
  };
}
