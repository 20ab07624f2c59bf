const second = 1_000;

/** The thread in which the worker reads manifests from external compilers. Times are milliseconds. */
export const manifestReaderLimits = {
  /** One thread: the largest manifest takes a tenth of a second. */
  threads: 1,
  /** Per tenant at a time, so that tenants take turns. */
  perTenant: 1,
  /** Manifests that wait for the thread, one for each callback in progress. */
  queued: 256,
  /** Waiting manifests per tenant. Above this limit, the durable step retries. */
  queuedPerTenant: 64,
  /** Several times the size of the largest parsed manifest. */
  heapMiB: 128,
  /**
   * The time limit for one manifest, after which the thread is terminated. The work is bounded, so only a
   * hung thread reaches it. Starting a thread on a busy machine takes seconds.
   */
  timeoutMs: 30 * second,
} as const;
