/** Limits of the writers to Redis. Sizes are bytes, times are milliseconds. */

const MiB = 1024 * 1024;
const second = 1_000;
const hour = 60 * 60 * second;

/** Limits of appending to a stream. */
export const appendLimits = {
  /**
   * How many times the append of one batch is tried while another writer appends to the stream. There should be
   * only one writer, but a delayed command from an earlier writer may still arrive.
   */
  rounds: 4,
  /**
   * How many entries are searched for an append whose response was lost: the batches of forty other tenants
   * that were delivered before the retry. Beyond this, the retry may append a duplicate.
   */
  readBack: { entries: 1_000, pages: 20 },
} as const;

/** Limits of the cache of pointers and bundles. */
export const cacheLimits = {
  /**
   * How long a batch of entries waits for its bundles to be cached. A bundle of the largest size takes a
   * fifth of a second.
   */
  batchMs: 3 * second,
  /**
   * The largest cached bundle. A larger one would block Redis for a second for every client. Readers get a marker
   * that it is not cached.
   */
  bundleBytes: 16 * MiB,
  /** One command, which blocks all others while it runs. */
  commandBytes: MiB,
  /**
   * How long a bundle without a pointer stays. A reader that read the pointer before its move still finds the
   * bundle, and so does a rollback.
   */
  unpointedMs: hour,
  /** Pointers that could not be cached, and are retried with the next batch. */
  pending: 1_000,
  /** Tries per pointer; after them, the next move of the pointer is the next try. */
  tries: 20,
} as const;
