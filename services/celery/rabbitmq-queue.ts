import type { Logger } from 'pino';

import { rabbitPublisher } from '../rabbitmq/publisher.ts';
import { celeryMessage } from './celery-message.ts';
import type { CeleryQueue } from './celery-queue.ts';
import { taskRefusal } from './task-refusal.ts';

export function rabbitCeleryQueue(options: { url: string; log: Logger }): CeleryQueue {
  const publisher = rabbitPublisher(options);
  return {
    enqueue: async (task) => {
      const nowMs = Date.now();
      const summary = taskRefusal(task, nowMs);
      if (summary !== null) return { kind: 'refused', summary };
      const { headers, properties, body } = celeryMessage(task);
      const message = {
        ...properties,
        headers,
        body,
        // Publishes to the default exchange, which routes directly to the queue, as Celery does. A worker declares
        // its own exchange only when it starts for the first time.
        exchange: '',
        routingKey: task.queue,
        mandatory: true,
        // The worker checks the `expires` header, and the broker checks this expiration. Without the expiration, the
        // queue of a removed worker would grow without limit.
        expirationMs: task.expiresAt - nowMs,
      };
      const published = await publisher.publish(message, { queue: task.queue });
      switch (published.kind) {
        case 'confirmed':
          return { kind: 'queued' };
        case 'unroutable':
          return {
            kind: 'later',
            summary: `RabbitMQ has no queue ${task.queue}, and Pointsman may not declare it`,
          };
        case 'refused':
        case 'unknown':
          return { kind: 'later', summary: `RabbitMQ: ${published.summary}` };
      }
    },
    close: () => publisher.close(),
  };
}
