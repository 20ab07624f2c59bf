/** Limits of the Redis connections. Sizes are bytes, times are milliseconds. */

const second = 1_000;
const minute = 60 * second;

export const redisLimits = {
  /**
   * The timeout of opening a connection: name resolution, TCP, TLS and login. That usually takes a few
   * milliseconds. The timeout must be shorter than `sinkLimits.healthMaxAgeMs` (five seconds), so that a
   * failure is recorded for all tenants of the partition within that time.
   */
  connectMs: 3 * second,
  /**
   * The timeout of a command. A command usually takes less than a millisecond. It may take a second while
   * Redis forks for a snapshot or waits for its disk. The timeout must be shorter than
   * `sinkLimits.healthMaxAgeMs` for the same reason as `connectMs`.
   */
  commandMs: 3 * second,
  /** The interval between two pings on an idle connection. */
  pingMs: 10 * second,
  /** The time without any data after which a connection is closed. Three pings are sent in this time. */
  silenceMs: 30 * second,
  /**
   * The maximum number of commands on one connection that wait for their responses. If so many are waiting,
   * Redis is overloaded, and further commands are rejected.
   */
  inFlight: 256,
  /** The timeout of a graceful close. After it the socket is destroyed. */
  closeMs: second,
} as const;

/** Limits of the readers of streams and bundles. */
export const readerLimits = {
  /**
   * The maximum number of times that a reader starts again because the pointer has moved while its bundle was
   * read.
   */
  readRounds: 5,
  /** The maximum time that one read waits for an entry. */
  blockMs: 5 * second,
  /**
   * The time without any data after which a connection is closed as dead. It must be longer than `blockMs`
   * plus a slow response.
   */
  silenceMs: 15 * second,
  /** The maximum number of entries that one read returns from each stream. */
  entries: 100,
  /**
   * The wait before the next attempt to connect. Redis restarts within a second. The wait is random, so that
   * many readers do not reconnect at the same time.
   */
  backoff: { firstMs: 100, factor: 2, maxMs: 5 * second },
  /**
   * The timeout of one call of the handler or of the snapshot function. Without it, one call that hangs would
   * block the moves of other tenants.
   */
  handlerMs: 30 * second,
  /**
   * The time after which an unacknowledged entry counts as abandoned, because its consumer has probably
   * stopped. A running consumer takes less time for all entries of one read, even at one second per entry. If
   * an entry of a running consumer is claimed anyway, it is only applied twice.
   */
  claimIdleMs: 2 * minute,
  /** The interval at which a consumer claims abandoned entries, and repeats failed catch-ups of tenants. */
  claimEveryMs: 15 * second,
  /** The maximum time that a stop waits for a handler that ignores its signal. */
  stopMs: 5 * second,
  /** The maximum number of attempts to apply an event. If all of them fail, a snapshot replaces the event. */
  applyTries: 5,
  applyBackoff: { firstMs: 100, factor: 3, maxMs: 5 * second },
  /**
   * The maximum number of snapshots that are taken until one includes a certain event. A snapshot from a
   * lagging replica may be too old.
   */
  snapshotTries: 3,
  /**
   * The maximum number of pointers and tenants whose positions are kept in memory. Beyond it, the tenant that
   * was updated least recently is dropped. Its next event then starts with a snapshot.
   */
  pointers: 100_000,
  /**
   * The number of newest entries that are read from each stream to find the latest sequence numbers of
   * tenants.
   */
  lagEntries: 1_000,
} as const;
