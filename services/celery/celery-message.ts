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
      // A worker that receives the message after this time discards it, including a redelivery after a worker
      // died. With an offset instead of "Z", which Python's fromisoformat accepts only from 3.11 on.
      expires: new Date(task.expiresAt).toISOString().replace('Z', '+00:00'),
      retries: 0,
      timelimit: [null, null],
      // Logs, events and monitors show this text instead of the arguments, which contain capabilities.
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
 * The same message in kombu's format for a Redis list. A worker pops it from the right end of the list with
 * the queue's name. The delivery tag identifies this delivery, not the task: kombu stores unacknowledged
 * messages under it, so two deliveries with one tag would lose one of them.
 *
 * It uses the default exchange, as Celery does. A message that is put back (the task of a dead worker, a
 * retry) is then routed by the queue's name alone. Any other exchange is looked up in the set
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
