/** Bounds of talking to RabbitMQ. Times are milliseconds unless they say otherwise. */

const second = 1_000;

export const rabbitLimits = {
  /** Until a new connection has its channel: name, TCP, TLS, login. Takes 30 ms; a broker on another continent takes a second. */
  connectMs: 5 * second,
  /** Until a message is confirmed, its queue declared first. RabbitMQ confirms after its fsync, at most every 200 ms when it is idle. */
  confirmMs: 5 * second,
  /**
   * Two of these without a byte end a connection. It is idle most of the time, and a dead one is better found here than by the next
   * message, which would wait for its whole `confirmMs`. In seconds, as AMQP has it.
   */
  heartbeatSeconds: 10,
  /** Messages that wait for their confirm. Each is at most some tens of KiB; a broker that is this far behind is not helped by more. */
  inFlight: 256,
  /** Queues remembered as declared. Past it all are declared again, which costs a millisecond each. */
  declaredQueues: 1_000,
  /** A goodbye, after which the socket is closed anyway. */
  closeMs: second,
} as const;
