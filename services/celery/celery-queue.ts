/** A task for a tenant's Celery worker. */
export interface CeleryTask {
  /** The `task_id` in Celery: the same for every attempt to cause one effect. */
  readonly id: string;
  /** The task name under which the worker has registered the task. */
  readonly task: string;
  readonly queue: string;
  /**
   * The arguments of the task. They contain only URLs and names, never contents. Arguments that are too large are
   * refused.
   */
  readonly kwargs: Readonly<Record<string, unknown>>;
  /** The deadline in epoch milliseconds. A worker that has not started the task by then does not run it. */
  readonly expiresAt: number;
  /**
   * The correlation ID, which is sent in a header. Workers and monitors show it instead of the arguments, which contain
   * capabilities.
   */
  readonly correlationId: string;
}

export type EnqueueResult =
  /**
   * The broker has the task: RabbitMQ on disk in a queue, Redis in memory and in its log, as configured. The task can
   * still be lost together with the broker. In a test, 14 RabbitMQ 3.10 servers were killed 0.1 s after a queue was
   * declared and a message in it was confirmed; one of them restarted without the queue. A task therefore has a
   * deadline, after which the waiting release enqueues it again.
   */
  | { readonly kind: 'queued' }
  /**
   * The broker is unreachable or full, or did not respond in time. It is unknown whether it has the task: enqueue the
   * task again with the same ID.
   */
  | { readonly kind: 'later'; readonly summary: string }
  /** The task can't be enqueued. Every attempt would have the same result. */
  | { readonly kind: 'refused'; readonly summary: string };

/**
 * Sends tasks to Celery. Celery does not deduplicate: a task that is enqueued twice runs twice, and a call is repeated
 * if its response was lost. This is harmless, because all URLs of the job contain the same capability. Blobs are
 * content-addressed, and a second report is rejected because only the first one counts.
 */
export interface CeleryQueue {
  /**
   * Enqueues a task. Never rejects because of the broker, the network or the task's values. Always ends within the
   * broker's time limits.
   */
  enqueue(task: CeleryTask): Promise<EnqueueResult>;
  /** Closes the connection. Running calls and calls after this return `later`. */
  close(): Promise<void>;
}
