import type { ConfirmChannel, Options } from 'amqplib';

export interface RabbitMessage {
  /** Empty for the exchange without a name, which routes by the name of the queue. */
  readonly exchange: string;
  readonly routingKey: string;
  /** Whether the broker says so when it finds no queue. It is confirmed even then. */
  readonly mandatory: boolean;
  readonly body: Buffer;
  readonly contentType: string;
  readonly contentEncoding?: string;
  readonly headers?: Readonly<Record<string, unknown>>;
  readonly correlationId: string;
  /** What a consumer knows it by when it comes again. */
  readonly messageId?: string;
  readonly type?: string;
  /** Seconds since the epoch, which is all that AMQP has. */
  readonly timestamp?: number;
  /** After so long in its queue the broker drops it. */
  readonly expirationMs?: number;
}

/** What became of one message. */
export type Published =
  /** It is in every queue that it was routed to, and on their disks. Whether there was one, only a mandatory message tells. */
  | { readonly kind: 'confirmed' }
  /** No queue is there that it could be routed to. It is gone, although the broker confirms that it took it. */
  | { readonly kind: 'unroutable' }
  /** A queue wanted it and could not take it: one that is full, or whose disk or majority is gone. Another queue may have it. */
  | { readonly kind: 'refused'; readonly summary: string }
  /** It may be there or not. */
  | { readonly kind: 'unknown'; readonly summary: string };

/**
 * Names one publish of a mandatory message to ourselves, when it comes back. The message id can't: one event may be under way twice, and
 * one of the two come back.
 */
const PUBLISH_HEADER = 'pointsman-publish';

/**
 * Publishes over that channel and waits for each message's confirm: for ever, unless the channel closes. The client resolves the confirm
 * of a message that no queue wanted, too: that it came back is told before, in an event of its own. The two are brought together
 * by a number in a header.
 */
export function confirmedPublisher(channel: ConfirmChannel): (message: RabbitMessage) => Promise<Published> {
  const returned = new Set<unknown>();
  let published = 0;
  let closed = false;
  channel.on('return', ({ properties }) => void returned.add(properties.headers?.[PUBLISH_HEADER]));
  // Comes before the client gives up on the confirms that are missing, which it does with the same kind of error as for a refusal.
  channel.prependListener('close', () => void (closed = true));
  return (message) => {
    const nth = ++published;
    const { promise, resolve } = Promise.withResolvers<Published>();
    const answered = (error: unknown): void => {
      const cameBack = returned.delete(nth);
      if (error === null) resolve({ kind: cameBack ? 'unroutable' : 'confirmed' });
      else resolve({ kind: closed ? 'unknown' : 'refused', summary: reasonOf(error) });
    };
    try {
      channel.publish(message.exchange, message.routingKey, message.body, optionsOf(message, nth), answered);
    } catch (error) {
      // It closed a moment ago.
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
  return error instanceof Error ? error.message : 'the channel broke';
}
