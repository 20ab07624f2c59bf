import { randomUUID } from 'node:crypto';
import type { Logger } from 'pino';
import { ErrorReply } from 'redis';

import { RedisLostError, redisWriter } from '../redis/writer.ts';
import { celeryMessage, kombuEnvelope } from './celery-message.ts';
import type { CeleryQueue, Enqueued } from './celery-queue.ts';
import { celeryLimits } from './limits.ts';
import { taskRefusal } from './task-refusal.ts';

/** Celery's queues in Redis: kombu's lists, in which the oldest task stands at the right end. */
export function redisCeleryQueue(options: { url: string; log: Logger }): CeleryQueue {
  const redis = redisWriter(options);
  return {
    enqueue: async (task) => {
      const summary = taskRefusal(task, Date.now());
      if (summary !== null) return { kind: 'refused', summary };
      const envelope = kombuEnvelope(celeryMessage(task), task.queue, randomUUID());
      try {
        return await redis.run(task.correlationId, async (client): Promise<Enqueued> => {
          // Others may push between the two commands: it is a bound, not a count.
          if ((await client.lLen(task.queue)) >= celeryLimits.waitingInRedis) {
            return { kind: 'later', summary: `the queue ${task.queue} in Redis is full` };
          }
          await client.lPush(task.queue, envelope);
          return { kind: 'queued' };
        });
      } catch (error) {
        return notQueued(error, task.queue);
      }
    },
    close: () => redis.close(),
  };
}

function notQueued(error: unknown, queue: string): Enqueued {
  if (error instanceof RedisLostError) return { kind: 'later', summary: `Redis: ${error.message}` };
  if (!(error instanceof ErrorReply)) throw error;
  // The first word is its code. Out of memory, read only, still loading: all of that passes, but a key does not become a list.
  const [code = 'ERR'] = error.message.split(' ');
  if (code === 'WRONGTYPE') return { kind: 'refused', summary: `the key ${queue} in Redis is no queue` };
  return { kind: 'later', summary: `Redis says ${code}` };
}
