/** Limits of the writers to RabbitMQ. Times are milliseconds. */

const second = 1_000;

/** Limits for publishing. */
export const publishLimits = {
  /**
   * The maximum number of messages that wait for their confirm. Each has at most a few tens of KiB. A higher limit
   * would not help a broker that is this far behind.
   */
  inFlight: 256,
  /**
   * The maximum number of remembered queue declarations. Above this limit, the least recently used queue is declared
   * again at its next use, which takes a millisecond.
   */
  declaredQueues: 1_000,
} as const;

/** Limits of the queue for unroutable moves. */
export const unroutedLimits = {
  /**
   * The maximum number of messages in the queue, about ten megabytes: enough to see the missed moves. The queue is an
   * alarm, not a way to catch up. When it is full, the oldest messages are dropped.
   */
  messages: 10_000,
} as const;

/** Limits for requesting queue depths. */
export const depthLimits = {
  /**
   * The time limit for all queues together, including the connection. Prometheus limits a scrape to ten seconds, and
   * the other metrics are in the same response.
   */
  answerMs: 2 * second,
  /** How long a result is reused, so that several scrapes cause one request. */
  freshMs: 3 * second,
  /** The maximum number of queues. Each costs one request to the broker. */
  queues: 50,
} as const;
