/** Limits for reading archives. Sizes are bytes, times are milliseconds. */

const KiB = 1024;
const MiB = 1024 * KiB;
const second = 1_000;

export const archiveLimits = {
  /** The overhead of a tar per file in bytes: header, padding, and a long name. */
  tarBytesPerFile: 3 * KiB,
  /**
   * The maximum unpacked size of a repository archive, of which the source is a part. The unpacked archive is not
   * stored, and unpacking it takes at most two seconds.
   */
  repositoryBytes: 512 * MiB,
} as const;

/** Limits of the thread in which the worker reads fetched archives. */
export const archiveReaderLimits = {
  /** The number of threads. One is enough, because the compiler already uses two cores of a small machine. */
  threads: 1,
  /** The maximum number of archives per tenant that are read at the same time. */
  perTenant: 1,
  /**
   * The maximum number of waiting archives. It is never reached, because fewer archives are fetched at the same time.
   */
  queued: 16,
  /**
   * The maximum number of waiting archives per tenant. It is never reached, because fewer archives of one tenant are
   * fetched at the same time.
   */
  queuedPerTenant: 4,
  /** The heap limit of the thread. Names are on the heap, but contents are not. */
  heapMiB: 256,
  /**
   * The time limit for one archive, from the start of reading. The thread is then terminated. The largest archive takes
   * two seconds.
   */
  timeoutMs: 30 * second,
} as const;
