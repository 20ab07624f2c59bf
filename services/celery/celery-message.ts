import type { CeleryTask } from './celery-queue.ts';

/**
 * A task message in version 2 of Celery's message protocol (docs.celeryq.dev, "Message Protocol"), as it is sent over
 * AMQP.
 */
export interface CeleryMessage {
  readonly headers: Readonly<Record<string, unknown>>;
  readonly properties: {
    readonly contentType: 'application/json';
    readonly contentEncoding: 'utf-8';
    /**
     * The ID of the task. Celery calls this property the correlation ID; Pointsman's own correlation ID is a
     * different value.
     */
    readonly correlationId: string;
  };
  readonly body: Buffer;
}

export function celeryMessage(task: CeleryTask): CeleryMessage {
  const embed = { callbacks: null, errbacks: null, chain: null, chord: null };
  return {
    headers: {
      lang: 'js',
      task: task.task,
      id: task.id,
      root_id: task.id,
      parent_id: null,
      group: null,
      group_index: null,
      shadow: null,
      eta: null,
      // After this time a worker discards the message, including a message that the broker redelivers because a
      // worker died. The offset is written as "+00:00", because Python's fromisoformat accepts "Z" only since version
      // 3.11.
      expires: new Date(task.expiresAt).toISOString().replace('Z', '+00:00'),
      retries: 0,
      timelimit: [null, null],
      // The arguments contain secret URLs, so Celery's logs, events and monitors get these texts to display instead.
      argsrepr: '()',
      kwargsrepr: task.correlationId,
      origin: 'pointsman',
      ignore_result: true,
      pointsman_correlation_id: task.correlationId,
    },
    properties: { contentType: 'application/json', contentEncoding: 'utf-8', correlationId: task.id },
    body: Buffer.from(JSON.stringify([[], task.kwargs, embed])),
  };
}

/**
 * Encodes a message in the format that kombu uses for a Redis list. The name of the list is the name of the queue,
 * and a worker pops messages from the right end of the list.
 *
 * The delivery tag identifies one delivery, and a task may be delivered several times. Kombu stores unacknowledged
 * messages by their tags, so one of two deliveries with the same tag would be lost.
 *
 * The message uses the default exchange, as Celery does. Kombu requeues a message when its worker dies or the task is
 * retried, and routes it by its exchange. With the default exchange it uses only the name of the queue. With another
 * exchange it would look up the queue in the set `_kombu.binding.<exchange>`, to which only a starting worker should
 * write.
 */
export function kombuEnvelope(message: CeleryMessage, queue: string, deliveryTag: string): string {
  return JSON.stringify({
    body: message.body.toString('base64'),
    headers: message.headers,
    'content-type': message.properties.contentType,
    'content-encoding': message.properties.contentEncoding,
    properties: {
      body_encoding: 'base64',
      correlation_id: message.properties.correlationId,
      reply_to: '',
      delivery_mode: 2,
      priority: 0,
      delivery_info: { exchange: '', routing_key: queue },
      delivery_tag: deliveryTag,
    },
  });
}
