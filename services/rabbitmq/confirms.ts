import type { ConfirmChannel, Options } from 'amqplib';

export interface RabbitMessage {
  /** The exchange. Empty for the default exchange, which routes by queue name. */
  readonly exchange: string;
  readonly routingKey: string;
  /** Whether the broker returns the message if it matches no queue. The broker confirms the message even then. */
  readonly mandatory: boolean;
  readonly body: Buffer;
  readonly contentType: string;
  readonly contentEncoding?: string;
  readonly headers?: Readonly<Record<string, unknown>>;
  readonly correlationId: string;
  /** The ID by which a consumer detects a repeated message. */
  readonly messageId?: string;
  readonly type?: string;
  /** In seconds since the epoch, the resolution of AMQP timestamps. */
  readonly timestamp?: number;
  /** The time after which the broker drops the message from the queue, in milliseconds. */
  readonly expirationMs?: number;
}

/** The result of one publish. */
export type Published =
  /**
   * Every queue to which the message was routed has stored it on disk. Only for a mandatory message does this mean that
   * at least one queue exists.
   */
  | { readonly kind: 'confirmed' }
  /** No queue is bound for the message. The message is lost, although the broker confirmed it. */
  | { readonly kind: 'unroutable' }
  /**
   * A bound queue could not accept the message, because the queue is full, or has lost its disk or its majority.
   * Another queue may have accepted it.
   */
  | { readonly kind: 'refused'; readonly summary: string }
  /** It is unknown whether the message arrived. */
  | { readonly kind: 'unknown'; readonly summary: string };

/**
 * The header that identifies one publish of a mandatory message when the broker returns it. The message ID is not
 * sufficient: one event may be published twice at the same time, and only one of the two may be returned.
 */
const PUBLISH_HEADER = 'pointsman-publish';

/**
 * Creates a function that publishes over the channel and waits for the confirm of each message. There is no time limit;
 * a closed channel ends the wait. The AMQP client also resolves the confirm of an unroutable message, after a `return`
 * event for it. A number in a header links the event to the message.
 */
export function confirmedPublisher(channel: ConfirmChannel): (message: RabbitMessage) => Promise<Published> {
  const returned = new Set<unknown>();
  let published = 0;
  let closed = false;
  channel.on('return', ({ properties }) => void returned.add(properties.headers?.[PUBLISH_HEADER]));
  // This listener must run before the client fails the missing confirms, because the client reports them with the same
  // kind of error as a refusal.
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
      // The channel was closed immediately before this call.
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
