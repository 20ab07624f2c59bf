import { feedLimits } from '@pointsman/protocol/limits';

/** Limits of the RabbitMQ connections. Times are milliseconds unless stated otherwise. */

const second = 1_000;
const minute = 60 * second;

export const rabbitLimits = {
  /**
   * The timeout of connecting: name resolution, TCP, TLS and login. It usually takes 30 ms, or a second for a
   * broker on another continent. Less than `sinkLimits.healthMaxAgeMs`, so that a failure is recorded for all
   * tenants of the partition within five seconds.
   */
  connectMs: 3 * second,
  /**
   * The timeout of a publisher confirm, including the declaration of the queue, and of every other response
   * of the broker. RabbitMQ confirms after an fsync, at most every 200 ms when it is idle. Less than
   * `sinkLimits.healthMaxAgeMs` for the same reason.
   */
  confirmMs: 3 * second,
  /**
   * The heartbeat interval. Two intervals without any data end a connection. The connection is idle most of
   * the time. Without a heartbeat, the next message would find a dead connection only after its whole
   * `confirmMs`. In seconds, the unit of AMQP.
   */
  heartbeatSeconds: 10,
  /** The timeout of a graceful close, after which the socket is destroyed. */
  closeMs: second,
  /** The waits before a consumer reconnects. */
  reconnect: { firstMs: 250, factor: 2, maxMs: 10 * second },
} as const;

/** Limits of move consumers. */
export const consumerLimits = {
  /**
   * Default number of unacknowledged moves per consumer. The broker sends the next moves while one is
   * applied.
   */
  prefetch: 20,
  /**
   * The highest prefetch that a consumer may request. All of these moves are redelivered when the consumer
   * dies.
   */
  maxPrefetch: 250,
  /**
   * Default number of redeliveries before a move is dead-lettered: with the waits in between, about eight
   * seconds.
   */
  deliveryLimit: 5,
  /**
   * The highest delivery limit that a consumer may request. With the longest waits, this takes three minutes.
   */
  maxDeliveryLimit: 20,
  /** Waits before a failed move returns to its queue. */
  retry: { firstMs: 250, factor: 2, maxMs: 10 * second },
  /**
   * The handler's signal aborts after this time. Far less than the half hour after which RabbitMQ closes the
   * channel of a silent consumer.
   */
  applyMs: minute,
  /**
   * A queue without a consumer for this long is deleted with its moves. The feed no longer contains these
   * moves either, and the queue would otherwise grow until the broker's disk is full.
   */
  unusedMs: feedLimits.retentionMs,
  /**
   * The number of dead-lettered moves per queue: a few tens of megabytes, for inspection. The oldest are
   * dropped first.
   */
  deadMessages: 10_000,
  /** The maximum size of one message in bytes. A move is smaller than 1 KiB. */
  messageBytes: 64 * 1024,
  /** Binding patterns of one queue. */
  bindings: 100,
} as const;

/** Limits of a tail of one pointer. */
export const tailLimits = {
  /**
   * Moves that wait for a slow reader. Above this limit the oldest are dropped, and the reader gets a gap.
   */
  waiting: 1_000,
  /** The maximum number of unacknowledged moves that the broker sends to this process in advance. */
  prefetch: 20,
} as const;
