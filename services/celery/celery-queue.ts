/** A task that is executed by a Celery worker of the tenant. */
export interface CeleryTask {
  /** The `task_id` in Celery. A task that is enqueued again keeps its ID. */
  readonly id: string;
  /** The name under which the worker has registered the task. */
  readonly task: string;
  readonly queue: string;
  /**
   * The keyword arguments of the task. They contain URLs and names, but no file contents. A task is refused if its
   * arguments are larger than `celeryLimits.kwargsBytes`.
   */
  readonly kwargs: Readonly<Record<string, unknown>>;
  /** The deadline in epoch milliseconds. A worker discards the task if it has not started it by then. */
  readonly expiresAt: number;
  /**
   * The correlation ID, which is sent in a header. Workers and monitors display it instead of the arguments, because
   * the arguments contain secret URLs.
   */
  readonly correlationId: string;
}

export type EnqueueResult =
  /**
   * The broker has confirmed the task. RabbitMQ has stored it on disk. Redis has it in memory, and in its append-only
   * file if that is configured.
   *
   * A confirmed task can still be lost if the broker crashes. In a test, 14 RabbitMQ 3.10 servers were killed 0.1 s
   * after they had confirmed a message in a new queue, and one of them restarted without the queue. For this reason
   * each task has a deadline. After the deadline, the waiting release enqueues the task again.
   */
  | { readonly kind: 'queued' }
  /**
   * The broker is unreachable, is full, or did not respond in time. The task may or may not be in the queue. The
   * caller must enqueue the task again with the same ID.
   */
  | { readonly kind: 'later'; readonly summary: string }
  /** The task can never be enqueued, so a retry is pointless. */
  | { readonly kind: 'refused'; readonly summary: string };

/**
 * Sends tasks to Celery. A task may run twice: Celery does not deduplicate tasks, and the caller enqueues a task
 * again if the response was lost. A second run is harmless. It uploads the same content-addressed blobs, and its
 * report is rejected because only the first report counts.
 */
export interface CeleryQueue {
  /** Enqueues a task. The promise always resolves, within the time limits of the connection to the broker. */
  enqueue(task: CeleryTask): Promise<EnqueueResult>;
  /** Closes the connection. Calls of `enqueue` that are running, and later calls, resolve to `later`. */
  close(): Promise<void>;
}
