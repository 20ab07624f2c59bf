import type { CeleryTask } from './celery-queue.ts';
import { celeryLimits } from './limits.ts';

const QUEUE = /^[a-z0-9][a-z0-9._-]{0,62}$/;

/**
 * Names that belong to the broker or to Celery. RabbitMQ keeps its own queues under `amq.`: a message for `amq.gen-…` would reach whoever
 * waits there. Celery's workers tell their events to `celeryev.…`, and in Redis kombu keeps what is being worked on in `unacked…`.
 */
const RESERVED = /^(?:amq\.|celeryev\.|unacked(?:_index|_mutex)?$)/;

const TASK = /^[A-Za-z_][A-Za-z0-9_.]{0,127}$/;
const ID = /^[\x21-\x7e]+$/;

/** Why that task is not sent to any broker, or null when it may be. */
export function taskRefusal(task: CeleryTask, nowMs: number): string | null {
  if (!QUEUE.test(task.queue)) return 'a queue’s name is 1 to 63 characters of a-z, 0-9, ".", "_" and "-"';
  if (RESERVED.test(task.queue)) return `the name ${task.queue} is the broker’s or Celery’s own`;
  if (!TASK.test(task.task)) return 'that is not the name of a Celery task';
  if (!isId(task.id) || !isId(task.correlationId)) {
    return `an id is 1 to ${celeryLimits.idChars} visible characters`;
  }
  if (!Number.isSafeInteger(task.expiresAt) || task.expiresAt <= nowMs) return 'its deadline has passed';
  const bytes = Buffer.byteLength(JSON.stringify(task.kwargs));
  return bytes > celeryLimits.kwargsBytes
    ? `its arguments take ${bytes} bytes, of ${celeryLimits.kwargsBytes}: payloads travel by address`
    : null;
}

function isId(text: string): boolean {
  return ID.test(text) && text.length <= celeryLimits.idChars;
}
