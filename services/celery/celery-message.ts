import type { CeleryTask } from './celery-queue.ts';

/** A message of Celery's protocol 2 (docs.celeryq.dev, "Message Protocol"), as AMQP carries it. */
export interface CeleryMessage {
  readonly headers: Readonly<Record<string, unknown>>;
  readonly properties: {
    readonly contentType: 'application/json';
    readonly contentEncoding: 'utf-8';
    /** Celery's name for the task's id, which is not what Pointsman calls a correlation id. */
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
      // A worker that takes the message later than this discards it: also one that it gets again because a worker died of it. With an
      // offset instead of "Z", which Python's fromisoformat knows from 3.11 on only.
      expires: new Date(task.expiresAt).toISOString().replace('Z', '+00:00'),
      retries: 0,
      timelimit: [null, null],
      // What logs, events and monitors show of the arguments, which hold capabilities.
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
 * The same message as kombu keeps it in a Redis list: a worker takes it from the right end of the list that is named as the queue. The
 * tag names this one delivery, not the task: kombu keeps under it what a worker has taken and not yet acknowledged, so that two deliveries
 * with one tag would lose one of them.
 *
 * The exchange is the one without a name, as Celery itself sends, so that what is put back (a dead worker's task, a retry) goes by the
 * name of the queue alone. Any other is looked up in the set `_kombu.binding.<exchange>`, which a worker writes when it starts and
 * nobody else should.
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
