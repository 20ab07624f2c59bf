/** Limits for publishing to RabbitMQ. Times are in milliseconds. */

const second = 1_000;

export const publishLimits = {
  /**
   * The maximum number of messages per connection that wait for their confirm. Each has at most a few tens of KiB.
   * With this many unconfirmed messages the broker is overloaded, so more messages would not be delivered faster.
   */
  inFlight: 256,
  /**
   * The maximum number of queues per connection that are known to be declared. Above this limit, the least recently
   * used queue is forgotten. It is declared again at its next use, which takes about 1 ms.
   */
  declaredQueues: 1_000,
} as const;

/** Limits for the queue of unroutable moves. */
export const unroutedLimits = {
  /**
   * The maximum number of messages in the queue, which take about 10 MB. When the queue is full, the broker drops the
   * oldest messages. The queue shows an operator that moves were not routed. Consumers do not use it to receive
   * missed moves.
   */
  messages: 10_000,
} as const;

/** Limits for reading queue depths. */
export const depthLimits = {
  /**
   * The maximum time for reading the depths of all queues, including the connection. Prometheus limits a scrape to
   * ten seconds, and the response also contains all other metrics.
   */
  answerMs: 2 * second,
  /** The time for which a result is cached. Scrapes within this time cause only one request to the broker. */
  freshMs: 3 * second,
  /** The maximum number of queues whose depth is read. Each needs one request to the broker. */
  queues: 50,
} as const;
