/** Limits of the writers to Redis. Sizes are bytes, times are milliseconds. */

const MiB = 1024 * 1024;
const second = 1_000;
const hour = 60 * 60 * second;

/** Limits for appending to a stream. */
export const appendLimits = {
  /**
   * The maximum number of attempts to append one batch while another writer appends to the stream. There should be only
   * one writer, but a delayed command from an earlier writer may still arrive.
   */
  rounds: 4,
  /**
   * The number of entries that are searched for an append whose response was lost. It covers the batches of forty other
   * tenants that were delivered before the retry. If there were more, the retry may append a duplicate.
   */
  readBack: { entries: 1_000, pages: 20 },
} as const;

/** Limits of the cache of pointers and bundles. */
export const cacheLimits = {
  /**
   * How long a batch of entries waits until its bundles are cached. A bundle of the largest size takes a fifth of a
   * second.
   */
  batchMs: 3 * second,
  /**
   * The maximum size of a cached bundle. A larger bundle would block Redis for a second for every client. Readers get a
   * marker that the bundle is not cached.
   */
  bundleBytes: 16 * MiB,
  /** The maximum size of one command, which blocks all others while it runs. */
  commandBytes: MiB,
  /**
   * How long a bundle stays cached after the last pointer left it. A reader that read the pointer before its move still
   * finds the bundle, and so does a rollback.
   */
  unpointedMs: hour,
  /** The maximum number of pointers that could not be cached and are retried with the next batch. */
  pending: 1_000,
  /** The maximum number of attempts per pointer. After that, the pointer is cached again at its next move. */
  tries: 20,
} as const;
