/** Limits of the Redis connections. Sizes are bytes, times are milliseconds. */

const second = 1_000;
const minute = 60 * second;

export const redisLimits = {
  /**
   * The timeout of connecting: name resolution, TCP, TLS and login. It usually takes a few milliseconds. Less
   * than `sinkLimits.healthMaxAgeMs`, so that a failure is recorded for all tenants of the partition within
   * five seconds.
   */
  connectMs: 3 * second,
  /**
   * The timeout of a command. A command usually takes less than a millisecond, or a second while Redis forks
   * for a snapshot or waits for its disk. Less than `sinkLimits.healthMaxAgeMs` for the same reason.
   */
  commandMs: 3 * second,
  /** The interval between pings on an idle connection. */
  pingMs: 10 * second,
  /** A connection without a byte for this long is closed: three pings. */
  silenceMs: 30 * second,
  /**
   * The number of commands that may wait for their responses. If more are waiting, Redis is overloaded, and
   * further commands are rejected.
   */
  inFlight: 256,
  /** The timeout of a graceful close, after which the socket is destroyed. */
  closeMs: second,
} as const;

/** Limits of stream readers. */
export const readerLimits = {
  /** How many times a reader reads a pointer that keeps moving while its bundle is read. */
  readRounds: 5,
  /** How long one read waits for an entry. A dead connection is detected some seconds later. */
  blockMs: 5 * second,
  /** A connection that is silent for this long is closed. Longer than `blockMs` plus a slow response. */
  silenceMs: 15 * second,
  /** Entries per read and stream. */
  entries: 100,
  /**
   * The waits between connection attempts. Redis restarts within a second. The waits are random, so that
   * readers do not all reconnect at the same time.
   */
  backoff: { firstMs: 100, factor: 2, maxMs: 5 * second },
  /**
   * The timeout of one call of the handler or of the snapshot function. A hung call must not block the moves
   * of other tenants.
   */
  handlerMs: 30 * second,
  /**
   * An entry that is pending for this long counts as abandoned by a stopped consumer. A live consumer needs
   * less for a whole read, even at a second per entry. A claim from a live consumer does no harm.
   */
  claimIdleMs: 2 * minute,
  /** How often a consumer claims such entries, and retries failed tenants. */
  claimEveryMs: 15 * second,
  /** How long a stop waits for a handler that ignores its signal. */
  stopMs: 5 * second,
  /** The maximum number of attempts to apply an event. If all fail, a snapshot replaces the event. */
  applyTries: 5,
  applyBackoff: { firstMs: 100, factor: 3, maxMs: 5 * second },
  /**
   * The number of attempts to get a snapshot that includes the event. A lagging replica may return an older
   * one.
   */
  snapshotTries: 3,
  /**
   * Pointers whose generations are stored. Above this limit a tenant is forgotten, and starts with a snapshot
   * at its next event.
   */
  pointers: 100_000,
  /** The newest entries that are read to find the latest sequence numbers of tenants. */
  lagEntries: 1_000,
} as const;
