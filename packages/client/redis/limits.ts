/** Limits of the Redis connections. Sizes are bytes, times are milliseconds. */

const second = 1_000;
const minute = 60 * second;

export const redisLimits = {
  /**
   * Until a new connection is ready: name resolution, TCP, TLS, login. Takes a few milliseconds. Less than
   * `sinkLimits.healthMaxAgeMs`, so that a failure is recorded for all tenants of the partition within five
   * seconds.
   */
  connectMs: 3 * second,
  /**
   * Until the response to a command. Takes less than a millisecond. A Redis that forks for a snapshot, or
   * waits for its disk, takes a second. Less than `sinkLimits.healthMaxAgeMs` for the same reason.
   */
  commandMs: 3 * second,
  /** The interval between pings on an idle connection. */
  pingMs: 10 * second,
  /** A connection without a byte for this long is closed: three pings. */
  silenceMs: 30 * second,
  /** Commands that wait for their responses. Above this limit, more commands would not fix the cause. */
  inFlight: 256,
  /** A graceful close, after which the socket is destroyed. */
  closeMs: second,
} as const;

/** Limits of stream readers. */
export const readerLimits = {
  /** How many times a reader reads a pointer that keeps moving while its bundle is read. */
  readRounds: 5,
  /** How long one read waits for an entry. A dead connection is detected some seconds later. */
  blockMs: 5 * second,
  /** Longer than `blockMs` plus a slow response. */
  silenceMs: 15 * second,
  /** Entries per read and stream. */
  entries: 100,
  /**
   * Waits between connections. A restarting Redis is back within a second, and readers must not all reconnect
   * at the same time.
   */
  backoff: { firstMs: 100, factor: 2, maxMs: 5 * second },
  /**
   * One call of the handler or of the snapshot function. A hung call must not block the moves of other
   * tenants.
   */
  handlerMs: 30 * second,
  /**
   * An entry pending for this long belongs to a stopped consumer: one whole read at a second per entry. A
   * claim from a live consumer does no harm.
   */
  claimIdleMs: 2 * minute,
  /** How often a consumer claims such entries, and retries failed tenants. */
  claimEveryMs: 15 * second,
  /** How long a stop waits for a handler that ignores its signal. */
  stopMs: 5 * second,
  /** Tries of an event that its handler can't apply. After them, a snapshot replaces the event. */
  applyTries: 5,
  applyBackoff: { firstMs: 100, factor: 3, maxMs: 5 * second },
  /** Tries to get a snapshot that includes the event: a lagging replica may return an older one. */
  snapshotTries: 3,
  /**
   * Pointers whose generations are stored. Above this limit a tenant is forgotten, and starts with a snapshot
   * at its next event.
   */
  pointers: 100_000,
  /** The newest entries that are read to find the latest sequence numbers of tenants. */
  lagEntries: 1_000,
} as const;
