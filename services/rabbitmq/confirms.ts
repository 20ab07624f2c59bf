import type { ConfirmChannel, Options } from 'amqplib';

export interface RabbitMessage {
  /** Empty for the default exchange, which routes by queue name. */
  readonly exchange: string;
  readonly routingKey: string;
  /**
   * Whether the broker returns the message if no queue is bound for it. It confirms the message even then.
   */
  readonly mandatory: boolean;
  readonly body: Buffer;
  readonly contentType: string;
  readonly contentEncoding?: string;
  readonly headers?: Readonly<Record<string, unknown>>;
  readonly correlationId: string;
  /** Lets a consumer detect a repeated message. */
  readonly messageId?: string;
  readonly type?: string;
  /** Seconds since the epoch, the resolution of AMQP. */
  readonly timestamp?: number;
  /** The broker drops the message after this time in the queue. */
  readonly expirationMs?: number;
}

/** The result of one publish. */
export type Published =
  /**
   * Every queue that it was routed to has it on disk. Only a mandatory message shows whether there was a
   * queue.
   */
  | { readonly kind: 'confirmed' }
  /** No queue is bound for it. The message is lost, although the broker confirmed it. */
  | { readonly kind: 'unroutable' }
  /**
   * A bound queue could not accept it: the queue is full, or its disk or majority is lost. Another queue may
   * have it.
   */
  | { readonly kind: 'refused'; readonly summary: string }
  /** The message may have arrived or not. */
  | { readonly kind: 'unknown'; readonly summary: string };

/**
 * Identifies one publish of a mandatory message when the broker returns it. The message ID can't: one event
 * may be published twice at the same time, and only one of the two returned.
 */
const PUBLISH_HEADER = 'pointsman-publish';

/**
 * Publishes over the channel and waits for each message's confirm, without a time limit, unless the channel
 * closes. The client also resolves the confirm of an unroutable message; an earlier `return` event reports
 * that message. A number in a header matches the two.
 */
export function confirmedPublisher(channel: ConfirmChannel): (message: RabbitMessage) => Promise<Published> {
  const returned = new Set<unknown>();
  let published = 0;
  let closed = false;
  channel.on('return', ({ properties }) => void returned.add(properties.headers?.[PUBLISH_HEADER]));
  // Runs before the client fails the missing confirms, for which it uses the same kind of error as for a
  // refusal.
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
      // The channel has just closed.
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
