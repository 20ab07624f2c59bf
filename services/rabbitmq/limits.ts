/** Limits of the writers to RabbitMQ. Times are milliseconds. */

const second = 1_000;

/** Limits of publishing. */
export const publishLimits = {
  /**
   * Messages that wait for their confirm. Each is at most some tens of KiB. More messages would not help a
   * broker that is this far behind.
   */
  inFlight: 256,
  /**
   * Remembered queue declarations. Above this limit, the least recently used queue is declared again, which
   * costs a millisecond.
   */
  declaredQueues: 1_000,
} as const;

/** Limits of the queue for unroutable moves. */
export const unroutedLimits = {
  /**
   * Some ten megabytes: enough to see the missed moves. The queue is an alarm, not a way to catch up; the
   * oldest messages are dropped first.
   */
  messages: 10_000,
} as const;

/** Limits of queue depth requests. */
export const depthLimits = {
  /**
   * For all queues, including the connection. Prometheus gives a scrape ten seconds, and the other metrics
   * are in the same response.
   */
  answerMs: 2 * second,
  /** A result is reused for this long, so that several scrapes cause one request. */
  freshMs: 3 * second,
  /** The number of queues: each costs one request to the broker. */
  queues: 50,
} as const;
