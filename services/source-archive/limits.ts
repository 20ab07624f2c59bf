/** Limits for reading archives. Sizes are bytes, times are milliseconds. */

const KiB = 1024;
const MiB = 1024 * KiB;
const second = 1_000;

export const archiveLimits = {
  /** The overhead of a tar per file: header, padding, a long name. */
  tarBytesPerFile: 3 * KiB,
  /**
   * The unpacked size of a repository's archive; the source is a part of it. It is not stored, and unpacking
   * takes two seconds.
   */
  repositoryBytes: 512 * MiB,
} as const;

/** The thread in which the worker reads fetched archives. */
export const archiveReaderLimits = {
  /** One thread, because the compiler already uses two cores of a small machine. */
  threads: 1,
  /** Archives per tenant at a time. */
  perTenant: 1,
  /** This limit is never reached, because fewer archives are fetched at a time. */
  queued: 16,
  /** This limit is never reached, because fewer archives of one tenant are fetched at a time. */
  queuedPerTenant: 4,
  /** Contents are not on the heap; names are. */
  heapMiB: 256,
  /**
   * The time limit for one archive, from the start of reading, after which the thread is terminated. The
   * largest one takes two seconds.
   */
  timeoutMs: 30 * second,
} as const;
