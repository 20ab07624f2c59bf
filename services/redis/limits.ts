/** Limits for writing to Redis. Sizes are in bytes, times in milliseconds. */

const MiB = 1024 * 1024;
const second = 1_000;
const hour = 60 * 60 * second;

export const appendLimits = {
  /**
   * The maximum number of attempts to append one batch while another client appends to the same stream. Each stream
   * has only one writer, but a delayed command of an earlier writer may still arrive.
   */
  rounds: 4,
  /**
   * The page size and the maximum number of pages when a stream is searched for a batch whose response was lost. The
   * search covers 20,000 entries, which is the size of forty batches of other tenants. If more entries were appended
   * before the retry, the retry may append duplicates.
   */
  readBack: { entries: 1_000, pages: 20 },
} as const;

/** Limits for the cache of pointers and bundles. */
export const cacheLimits = {
  /** The maximum time that a batch waits until its bundles are cached. A bundle of the maximum size takes 0.2 s. */
  batchMs: 3 * second,
  /**
   * The maximum size of a cached bundle. A larger bundle would block Redis for all clients for about a second. It is
   * not cached, and readers find no bundle for the pointer.
   */
  bundleBytes: 16 * MiB,
  /**
   * The maximum size of one command. Redis executes one command at a time, so a large command delays all other
   * clients.
   */
  commandBytes: MiB,
  /**
   * The time after which a bundle that no pointer refers to expires. Until then, a reader that has read the pointer
   * before its move can still read the bundle. A rollback to the bundle also needs no new write.
   */
  unpointedMs: hour,
  /**
   * The maximum number of pointers that wait to be cached after a failed write. Above this limit, the oldest one is
   * dropped.
   */
  pending: 1_000,
  /**
   * The wait before failed writes are tried again without a new batch. It is longer than the reconnection after a
   * restart of Redis.
   */
  retryMs: 5_000,
  /**
   * The maximum number of attempts to cache a pointer, which take about ten minutes. After that, the pointer in the
   * cache stays outdated until its next move.
   */
  tries: 120,
} as const;
