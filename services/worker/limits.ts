const second = 1_000;

/** The thread in which the worker reads the manifests of other people's compilers. Times are milliseconds. */
export const manifestReaderLimits = {
  /** One: the largest manifest takes it a tenth of a second. */
  threads: 1,
  /** Manifests that wait for it, one for each callback that is being answered. */
  queued: 256,
  /** The largest manifest with all of its values, several times. */
  heapMiB: 128,
  /** One manifest; past this the thread is ended: one that hangs, since the work is bounded. Starting it on a busy machine takes seconds. */
  timeoutMs: 30 * second,
} as const;
