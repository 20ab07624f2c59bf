import type { CeleryTask } from './celery-queue.ts';
import { celeryLimits } from './limits.ts';

const QUEUE = /^[a-z0-9][a-z0-9._-]{0,62}$/;

/**
 * Queue names that are reserved by the broker or by Celery. RabbitMQ reserves names that begin with `amq.`;
 * `amq.gen-…` is another client's private queue. Celery's workers publish events to `celeryev.…`, and kombu stores
 * running tasks in Redis under `unacked…`.
 */
const RESERVED = /^(?:amq\.|celeryev\.|unacked(?:_index|_mutex)?$)/;

const TASK = /^[A-Za-z_][A-Za-z0-9_.]{0,127}$/;
const ID = /^[\x21-\x7e]+$/;

/** Returns the reason why the task may not be sent to a broker, or null if it may be sent. */
export function taskRefusal(task: CeleryTask, nowMs: number): string | null {
  if (!QUEUE.test(task.queue))
    return 'the name of a queue has 1 to 63 characters of a-z, 0-9, ".", "_" and "-"';
  if (RESERVED.test(task.queue)) return `the name ${task.queue} is reserved by the broker or by Celery`;
  if (!TASK.test(task.task)) return 'this is not a valid name for a Celery task';
  if (!isId(task.id) || !isId(task.correlationId)) {
    return `an ID has 1 to ${celeryLimits.idChars} visible characters`;
  }
  if (!Number.isSafeInteger(task.expiresAt) || task.expiresAt <= nowMs) return 'its deadline has passed';
  const bytes = Buffer.byteLength(JSON.stringify(task.kwargs));
  return bytes > celeryLimits.kwargsBytes
    ? `its arguments have ${bytes} bytes; the limit is ${celeryLimits.kwargsBytes}. Pass large values by URL`
    : null;
}

function isId(text: string): boolean {
  return ID.test(text) && text.length <= celeryLimits.idChars;
}
