import { feedLimits } from '@pointsman/protocol/limits';

/** Limits of the RabbitMQ connections. Times are milliseconds unless stated otherwise. */

const second = 1_000;
const minute = 60 * second;

export const rabbitLimits = {
  /**
   * The timeout of opening a connection: name resolution, TCP, TLS and login. That usually takes 30 ms, or a
   * second if the broker is on another continent. The timeout must be shorter than
   * `sinkLimits.healthMaxAgeMs` (five seconds), so that a failure is recorded for all tenants of the
   * partition within that time.
   */
  connectMs: 3 * second,
  /**
   * The timeout of a publisher confirm, and of every other response of the broker. RabbitMQ confirms a
   * message after an fsync, which may be delayed by up to 200 ms. The timeout must be shorter than
   * `sinkLimits.healthMaxAgeMs` for the same reason as `connectMs`.
   */
  confirmMs: 3 * second,
  /**
   * The heartbeat interval in seconds, the unit of AMQP. A connection ends after two intervals without any
   * data. The connection is idle most of the time. Without heartbeats, a dead connection would be detected
   * only when the next message has waited for the whole `confirmMs`.
   */
  heartbeatSeconds: 10,
  /** The timeout of a graceful close. After it the socket is destroyed. */
  closeMs: second,
  /** The wait before a consumer reconnects. */
  reconnect: { firstMs: 250, factor: 2, maxMs: 10 * second },
} as const;

/** Limits of the consumers of moves. */
export const consumerLimits = {
  /**
   * The default of the maximum number of unacknowledged moves per consumer. The broker can send the next
   * moves while the consumer applies one.
   */
  prefetch: 20,
  /**
   * The highest prefetch that a consumer may configure. When a consumer dies, the broker redelivers all
   * unacknowledged moves.
   */
  maxPrefetch: 250,
  /**
   * The default of the number of redeliveries before a move is dead-lettered. With the waits between them,
   * they take about eight seconds.
   */
  deliveryLimit: 5,
  /**
   * The highest number of redeliveries that a consumer may configure. With the waits between them, they take
   * about three minutes.
   */
  maxDeliveryLimit: 20,
  /** The wait before a failed move is returned to its queue. */
  retry: { firstMs: 250, factor: 2, maxMs: 10 * second },
  /**
   * The time after which the signal of the handler aborts. It is far less than the 30 minutes after which
   * RabbitMQ closes the channel of a consumer that does not acknowledge.
   */
  applyMs: minute,
  /**
   * The time without any consumer after which the broker deletes a queue with its moves. It equals the
   * retention of the feed, so the feed no longer contains these moves either. Without this limit, the queue
   * of a removed consumer would grow until the broker's disk is full.
   */
  unusedMs: feedLimits.retentionMs,
  /**
   * The maximum number of dead-lettered moves per queue. They need a few tens of megabytes and are kept for
   * inspection. The broker drops the oldest ones first.
   */
  deadMessages: 10_000,
  /** The maximum size of one message in bytes. A message with a move is smaller than 1 KiB. */
  messageBytes: 64 * 1024,
  /** The maximum number of bindings of one queue. */
  bindings: 100,
} as const;

/** Limits of a tail, a reader of the moves of one pointer from now on. */
export const tailLimits = {
  /**
   * The maximum number of moves that wait for a slow reader. Beyond it the oldest moves are dropped, and the
   * reader gets a gap instead.
   */
  waiting: 1_000,
  /** The maximum number of unacknowledged moves that the broker sends in advance. */
  prefetch: 20,
} as const;
