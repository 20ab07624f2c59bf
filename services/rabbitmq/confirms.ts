import type { ConfirmChannel, Options } from 'amqplib';

export interface RabbitMessage {
  /** The name of the exchange. An empty name is the default exchange, which routes by the name of the queue. */
  readonly exchange: string;
  readonly routingKey: string;
  /**
   * Whether the broker returns the message if it is not routed to any queue. The broker confirms such a message in
   * both cases.
   */
  readonly mandatory: boolean;
  readonly body: Buffer;
  readonly contentType: string;
  readonly contentEncoding?: string;
  readonly headers?: Readonly<Record<string, unknown>>;
  readonly correlationId: string;
  /** The ID by which consumers recognize a message that was delivered before. */
  readonly messageId?: string;
  readonly type?: string;
  /** The time in epoch seconds, which is the resolution of AMQP timestamps. */
  readonly timestamp?: number;
  /** The time in milliseconds after which the broker drops the message from a queue. */
  readonly expirationMs?: number;
}

export type Published =
  /**
   * All queues to which the message was routed have stored it on disk. If the message is mandatory, there is at least
   * one such queue. Otherwise there may be no queue.
   */
  | { readonly kind: 'confirmed' }
  /** The message was not routed to any queue. The broker has confirmed it, but it is lost. */
  | { readonly kind: 'unroutable' }
  /**
   * A queue rejected the message. The queue is full, its disk failed, or a quorum queue has no majority. Other queues
   * may have accepted the message.
   */
  | { readonly kind: 'refused'; readonly summary: string }
  /** The broker may or may not have received the message. */
  | { readonly kind: 'unknown'; readonly summary: string };

/**
 * The header with the number of a mandatory message, by which the message is recognized when the broker returns it.
 * The message ID can't be used. The same event may be published twice concurrently, and the broker may return only
 * one of the two messages.
 */
const PUBLISH_HEADER = 'pointsman-publish';

/**
 * Creates a function that publishes messages over the channel and waits for the confirm of each. There is no time
 * limit, but the wait ends when the channel is closed.
 *
 * For an unroutable message, the AMQP client emits the event `return` and then resolves the confirm as for any other
 * message. The number in {@link PUBLISH_HEADER} shows to which message an event belongs.
 */
export function confirmedPublisher(channel: ConfirmChannel): (message: RabbitMessage) => Promise<Published> {
  const returned = new Set<unknown>();
  let published = 0;
  let closed = false;
  channel.on('return', ({ properties }) => void returned.add(properties.headers?.[PUBLISH_HEADER]));
  // When the channel is closed, the client fails all waiting confirms with the same kind of error as for a refused
  // message. `prependListener` ensures that `closed` is set before that.
  channel.prependListener('close', () => void (closed = true));
  return (message) => {
    const nth = ++published;
    const { promise, resolve } = Promise.withResolvers<Published>();
    const onConfirm = (error: unknown): void => {
      const wasReturned = returned.delete(nth);
      if (error === null) resolve({ kind: wasReturned ? 'unroutable' : 'confirmed' });
      else resolve({ kind: closed ? 'unknown' : 'refused', summary: reasonOf(error) });
    };
    try {
      channel.publish(message.exchange, message.routingKey, message.body, optionsOf(message, nth), onConfirm);
    } catch (error) {
      // The channel was closed just before this call.
      resolve({ kind: 'unknown', summary: reasonOf(error) });
    }
    return promise;
  };
}

function optionsOf(message: RabbitMessage, nth: number): Options.Publish {
  const { exchange: _exchange, routingKey: _routingKey, body: _body, expirationMs, ...properties } = message;
  return {
    ...properties,
    headers: message.mandatory ? { ...message.headers, [PUBLISH_HEADER]: nth } : message.headers,
    persistent: true,
    ...(expirationMs === undefined ? {} : { expiration: expirationMs }),
  };
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : 'the channel failed';
}
