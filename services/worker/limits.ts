const second = 1_000;

/** Limits of the thread in which the worker reads manifests from external compilers. Times are milliseconds. */
export const manifestReaderLimits = {
  /** The number of threads. One is enough, because the largest manifest takes a tenth of a second. */
  threads: 1,
  /** The maximum number of manifests per tenant that are read at the same time. With 1, tenants take turns. */
  perTenant: 1,
  /** The maximum number of manifests that wait for the thread, one for each callback in progress. */
  queued: 256,
  /** The maximum number of waiting manifests per tenant. Above this limit, the durable step retries. */
  queuedPerTenant: 64,
  /** The heap limit of the thread: several times the size of the largest parsed manifest. */
  heapMiB: 128,
  /**
   * The time limit for one manifest. The thread is then terminated. The work is bounded, so only a hung thread reaches
   * the limit. It includes the start of the thread, which takes seconds on a busy machine.
   */
  timeoutMs: 30 * second,
} as const;
