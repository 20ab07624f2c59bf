import { randomUUID } from 'node:crypto';
import type { Logger } from 'pino';
import { ErrorReply } from 'redis';

import { RedisLostError, redisWriter } from '@pointsman/client/internal/redis/connection';
import { celeryMessage, kombuEnvelope } from './celery-message.ts';
import type { CeleryQueue, EnqueueResult } from './celery-queue.ts';
import { celeryLimits } from './limits.ts';
import { taskRefusal } from './task-refusal.ts';

/**
 * Sends tasks to Celery queues in Redis. A queue is a Redis list in kombu's format, with the oldest task at the right
 * end.
 */
export function redisCeleryQueue(options: { url: string; log: Logger }): CeleryQueue {
  const redis = redisWriter(options);
  return {
    enqueue: async (task) => {
      const summary = taskRefusal(task, Date.now());
      if (summary !== null) return { kind: 'refused', summary };
      const envelope = kombuEnvelope(celeryMessage(task), task.queue, randomUUID());
      try {
        return await redis.run(task.correlationId, async (client): Promise<EnqueueResult> => {
          // The length check and the push are two commands. Other clients may push in between, so a queue can
          // slightly exceed its limit.
          if ((await client.lLen(task.queue)) >= celeryLimits.waitingInRedis) {
            return { kind: 'later', summary: `the queue ${task.queue} in Redis is full` };
          }
          await client.lPush(task.queue, envelope);
          return { kind: 'queued' };
        });
      } catch (error) {
        return enqueueFailure(error, task.queue);
      }
    },
    close: () => redis.close(),
  };
}

function enqueueFailure(error: unknown, queue: string): EnqueueResult {
  if (error instanceof RedisLostError) return { kind: 'later', summary: `Redis: ${error.message}` };
  if (!(error instanceof ErrorReply)) throw error;
  // The first word of the message is the error code. Most errors are temporary: for example, Redis is out of memory,
  // is read-only or is loading its data. An error about a key of the wrong type is permanent.
  const [code = 'ERR'] = error.message.split(' ');
  if (code === 'WRONGTYPE') return { kind: 'refused', summary: `the key ${queue} in Redis is not a queue` };
  return { kind: 'later', summary: `Redis returned the error ${code}` };
}
