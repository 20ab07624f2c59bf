import type { CeleryTask } from './celery-queue.ts';

/** A message of Celery's protocol 2 (docs.celeryq.dev, "Message Protocol"), in its AMQP form. */
export interface CeleryMessage {
  readonly headers: Readonly<Record<string, unknown>>;
  readonly properties: {
    readonly contentType: 'application/json';
    readonly contentEncoding: 'utf-8';
    /** Celery's name for the task ID; it is not Pointsman's correlation ID. */
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
      // A worker that receives the message after this time discards it. This includes a redelivery after a worker died.
      // The offset is written as "+00:00", because Python's fromisoformat accepts "Z" only since version 3.11.
      expires: new Date(task.expiresAt).toISOString().replace('Z', '+00:00'),
      retries: 0,
      timelimit: [null, null],
      // Logs, events and monitors show these texts instead of the arguments, which contain capabilities.
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
 * Encodes the same message in kombu's format for a Redis list. A worker pops it from the right end of the list that has
 * the queue's name. The delivery tag identifies this delivery, not the task: kombu stores unacknowledged messages by
 * their tags, so two deliveries with the same tag would lose one of them.
 *
 * The message uses the default exchange, as Celery does. If it is requeued (because its worker died, or for a retry),
 * it is then routed by the queue's name alone. Any other exchange would be looked up in the set
 * `_kombu.binding.<exchange>`, which only a starting worker should write.
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
