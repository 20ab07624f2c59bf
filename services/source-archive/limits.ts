/** Limits for reading archives. Sizes are in bytes, times in milliseconds. */

const KiB = 1024;
const MiB = 1024 * KiB;
const second = 1_000;

export const archiveLimits = {
  /** The maximum overhead of a tar per file in bytes: the header, the padding, and a long name. */
  tarBytesPerFile: 3 * KiB,
  /**
   * The maximum size of an unpacked repository archive. The repository may be larger than the source that it
   * contains. The unpacked archive is not stored. Unpacking it takes at most two seconds.
   */
  repositoryBytes: 512 * MiB,
} as const;

/** Limits for the thread in which the worker reads downloaded archives. */
export const archiveReaderLimits = {
  /** The number of threads. One is enough, because the compiler already uses both cores of a small machine. */
  threads: 1,
  /** The maximum number of archives of one tenant that are read concurrently. */
  perTenant: 1,
  /**
   * The maximum number of archives that wait for the thread. In practice fewer archives wait, because `fetchLimits`
   * also limits the number of concurrent downloads.
   */
  queued: 16,
  /**
   * The maximum number of archives of one tenant that wait for the thread. In practice fewer archives wait, because
   * `fetchLimits` also limits the number of concurrent downloads per tenant.
   */
  queuedPerTenant: 4,
  /** The maximum heap of the thread. The heap contains the names of the files; the contents are stored outside it. */
  heapMiB: 256,
  /**
   * The maximum time for reading one archive, without the wait for the thread. The thread is terminated when the
   * limit is reached. The largest archive takes two seconds.
   */
  timeoutMs: 30 * second,
} as const;
