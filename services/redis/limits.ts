/** Bounds of talking to Redis. Sizes are bytes, times are milliseconds. */

const MiB = 1024 * 1024;
const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;

export const redisLimits = {
  /**
   * Until a new connection may be used: name, TCP, TLS, login. Takes a few milliseconds. Less than `sinkLimits.provenMs`, so that a failure is
   * recorded for all tenants of the partition within five seconds.
   */
  connectMs: 3 * second,
  /**
   * Until a command is answered. Takes under a millisecond. A Redis that forks for a snapshot, or waits for its disk, takes a second. Less than
   * `sinkLimits.provenMs` for the same reason.
   */
  commandMs: 3 * second,
  /** An idle connection is asked this often whether it still is one … */
  pingMs: 10 * second,
  /** … and is closed after so long without a byte: three questions. */
  silenceMs: 30 * second,
  /** Commands that wait for their answer. Past it something is wrong that more commands would not mend. */
  inFlight: 256,
  /** A goodbye, after which the socket is closed anyway. */
  closeMs: second,
  /** Tries of one batch at a stream that somebody else appends to meanwhile. Nobody should: a hand that came late, and no second one. */
  appendRounds: 4,
  /**
   * What is looked at for an append whose answer was lost: the batches of forty others who were told of theirs before it was repeated. Past it the repeated
   * append may be there twice.
   */
  lookBack: { entries: 1_000, pages: 20 },
  /** An event of the feed: ten times what the longest names make of it. */
  eventChars: 16_384,
} as const;

/** The cache of pointers and bundles. */
export const cacheLimits = {
  /** What the entries of a batch wait for their bundles to be cached: a bundle of the largest size takes a fifth of a second. */
  batchMs: 3 * second,
  /** A bundle that is cached. A larger one is not, and the reader is told so: it is a second of Redis for everybody. */
  bundleBytes: 16 * MiB,
  /** One command, which nothing overtakes. */
  commandBytes: MiB,
  /** How long a bundle stays that no pointer names: who read the pointer before it moved still finds it, and so does a rollback. */
  unpointedMs: hour,
  /** Pointers that could not be cached, to be tried again with the next batch. */
  pending: 1_000,
  /** So often; then the next move of the pointer is its next try. */
  tries: 20,
  /** A reader's looks at a pointer that moves while its bundle is read. */
  readRounds: 5,
} as const;

/** Readers of the streams. */
export const readerLimits = {
  /** How long one read waits for an entry. The connection is known to be dead some seconds after it. */
  blockMs: 5 * second,
  /** Past `blockMs` and what a slow answer takes. */
  silenceMs: 15 * second,
  /** Entries of one read, of each stream. */
  entries: 100,
  /** Waits between connections: a Redis that restarts is back within a second, and readers must not all come at once. */
  backoff: { firstMs: 100, factor: 2, maxMs: 5 * second },
  /** One call of the handler, or of what takes a snapshot. One that hangs must not keep all others from their moves. */
  handlerMs: 30 * second,
  /** What is pending for so long belongs to a consumer that is gone: a whole read at a second each. To claim from one that lives does no harm. */
  claimIdleMs: 2 * minute,
  /** How often a consumer looks for that, and tries again what has failed. */
  claimEveryMs: 15 * second,
  /** What a stopping waits for a handler that does not heed its signal. */
  stopMs: 5 * second,
  /** Tries at an event that its handler can not apply; after them a snapshot takes its place. */
  applyTries: 5,
  applyBackoff: { firstMs: 100, factor: 3, maxMs: 5 * second },
  /** Snapshots that are older than the event that they were taken for: a replica that lags is asked again. */
  snapshotTries: 3,
  /** Pointers whose generations are remembered. Past it a tenant is forgotten, and begins with a snapshot when it is seen again. */
  pointers: 100_000,
  /** Newest entries that are looked at for the latest numbers of tenants. */
  lagEntries: 1_000,
} as const;
