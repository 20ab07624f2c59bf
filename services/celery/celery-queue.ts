/** A task for a Celery worker of somebody else's. */
export interface CeleryTask {
  /** Celery's `task_id`: the same for every attempt at the same effect. */
  readonly id: string;
  /** The name under which the worker knows it. */
  readonly task: string;
  readonly queue: string;
  /** Addresses and names, never contents: what is too large is refused. */
  readonly kwargs: Readonly<Record<string, unknown>>;
  /** Epoch milliseconds. A task that nobody took by then is not run. */
  readonly expiresAt: number;
  /** Travels in a header, and stands for the arguments in whatever a worker or a monitor shows: these hold capabilities. */
  readonly correlationId: string;
}

export type Enqueued =
  /**
   * The broker has it: RabbitMQ on disk and in a queue, Redis in memory and in its log as its operator set that up. It can still be lost
   * with the broker: of 14 RabbitMQ 3.10 that were killed 0.1 s after a queue was declared and a message in it confirmed, one came back
   * without the queue. A task has a deadline, after which whoever waits for its answer enqueues again.
   */
  | { readonly kind: 'queued' }
  /** The broker is away, full, or did not say in time whether it has it. Unknown is not failed: enqueue it again, under the same id. */
  | { readonly kind: 'later'; readonly summary: string }
  /** It would be the same at every attempt. */
  | { readonly kind: 'refused'; readonly summary: string };

/**
 * Celery does not deduplicate: what is enqueued twice runs twice, and an enqueue whose answer was lost is enqueued twice. That is harmless,
 * because the job's addresses hold one capability: blobs are content-addressed, and the second answer is told that the first one stands.
 */
export interface CeleryQueue {
  /** Never rejects for anything that the broker, the network or the task's values do, and always ends within the broker's limits. */
  enqueue(task: CeleryTask): Promise<Enqueued>;
  /** What is in flight is answered `later`, and so is whatever comes after. */
  close(): Promise<void>;
}
