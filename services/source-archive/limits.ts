/** Bounds of reading archives. Sizes are bytes, times are milliseconds. */

const KiB = 1024;
const MiB = 1024 * KiB;
const second = 1_000;

export const archiveLimits = {
  /** What a tar may be beside its contents, for each file: header, padding, a long name. */
  tarBytesPerFile: 3 * KiB,
  /** All that the archive of a repository may unpack to, of which the source is a part. Nothing of it is kept: it takes two seconds. */
  repositoryBytes: 512 * MiB,
} as const;

/** The thread in which the worker reads what it has fetched. */
export const archiveReaderLimits = {
  /** One, since the compiler already takes two of the small machine's cores. */
  threads: 1,
  /** Archives of one tenant at a time. */
  perTenant: 1,
  /** More are never fetched at once. */
  queued: 16,
  /** More of one tenant are never fetched at once. */
  queuedPerTenant: 4,
  /** Contents are not on the heap; names are. */
  heapMiB: 256,
  /** One archive, from when the thread begins with it. The largest takes two seconds; past this the thread is ended. */
  timeoutMs: 30 * second,
} as const;
