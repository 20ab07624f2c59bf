import { feedLimits } from '../../core/limits/distribution-limits.ts';

/** Bounds of talking to RabbitMQ. Times are milliseconds unless they say otherwise. */

const second = 1_000;
const minute = 60 * second;

export const rabbitLimits = {
  /**
   * Until a new connection is logged in: name, TCP, TLS, login. Takes 30 ms; a broker on another continent takes a second. Less than
   * `sinkLimits.provenMs`, so that a failure is recorded for all tenants of the partition within five seconds.
   */
  connectMs: 3 * second,
  /**
   * Until a message is confirmed, its queue declared first, and for any other answer of the broker. RabbitMQ confirms after its fsync, at
   * most every 200 ms when it is idle. Less than `sinkLimits.provenMs` for the same reason.
   */
  confirmMs: 3 * second,
  /**
   * Two of these without a byte end a connection. It is idle most of the time, and a dead one is better found here than by the next
   * message, which would wait for its whole `confirmMs`. In seconds, as AMQP has it.
   */
  heartbeatSeconds: 10,
  /** Messages that wait for their confirm. Each is at most some tens of KiB; a broker that is this far behind is not helped by more. */
  inFlight: 256,
  /** Queues remembered as declared. Past it the one that was used longest ago is declared again, which costs a millisecond. */
  declaredQueues: 1_000,
  /** A goodbye, after which the socket is closed anyway. */
  closeMs: second,
  /** Waits of a consumer until it connects again. */
  reconnect: { firstMs: 250, factor: 2, maxMs: 10 * second },
} as const;

/** The queue that has what no other queue wanted. */
export const unroutedLimits = {
  /** Some ten megabytes: enough to see what was missed. It is an alarm, and nobody catches up from it; the oldest goes first. */
  messages: 10_000,
} as const;

/** Those who consume moves. */
export const consumerLimits = {
  /** Moves that are on their way to a consumer or in its hands, unless told otherwise. A broker sends the next while one is applied. */
  prefetch: 20,
  /** As many as may be asked for. All of them are delivered again when the consumer dies. */
  maxPrefetch: 250,
  /** How often a move is delivered again before it is dead, unless told otherwise: with the waits between, about eight seconds. */
  deliveryLimit: 5,
  /** As many as may be asked for; the waits are then at their longest, which makes three minutes. */
  maxDeliveryLimit: 20,
  /** Waits before a move whose handler failed goes back to its queue. */
  retry: { firstMs: 250, factor: 2, maxMs: 10 * second },
  /** After so long the handler's signal aborts. Far below the half hour after which RabbitMQ ends the channel of a silent consumer. */
  applyMs: minute,
  /**
   * A queue that nobody consumes from for so long is deleted, with all that it holds: the moves in it are no longer kept anywhere else
   * either, and without an end it would grow until the broker has no disk left for anybody.
   */
  unusedMs: feedLimits.retentionMs,
  /** Moves that are dead, per queue: a few tens of megabytes to be looked at; the oldest goes first. */
  deadMessages: 10_000,
  /** Bytes of one message. A move is less than a KiB. */
  messageBytes: 64 * 1024,
  /** Patterns of one queue. */
  bindings: 100,
} as const;

/** Following one pointer. */
export const tailLimits = {
  /** Moves that wait for a slow reader; past them the oldest go, and the reader is told of the gap. */
  waiting: 1_000,
  /** Of those, in this process. */
  prefetch: 20,
} as const;

/** Asking how long queues are. */
export const depthLimits = {
  /** For all of them, the connection included. Prometheus gives a scrape ten seconds, and the other metrics are in the same answer. */
  answerMs: 2 * second,
  /** Answers are taken again for so long, so that many scrapes are one question. */
  freshMs: 3 * second,
  /** Queues: each costs the broker a question. */
  queues: 50,
} as const;
