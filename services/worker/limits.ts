const second = 1_000;

/** Limits for the thread in which the worker parses manifests from external compilers. Times are in milliseconds. */
export const manifestReaderLimits = {
  /** The number of threads. One is enough, because the largest manifest takes 0.1 s. */
  threads: 1,
  /** The maximum number of manifests of one tenant that are parsed concurrently. With 1, tenants take turns. */
  perTenant: 1,
  /**
   * The maximum number of manifests that wait for the thread. Each callback that is being processed has at most one.
   */
  queued: 256,
  /** The maximum number of waiting manifests of one tenant. Above this limit, the durable step fails and is retried. */
  queuedPerTenant: 64,
  /** The maximum heap of the thread. It is several times the size of the largest parsed manifest. */
  heapMiB: 128,
  /**
   * The maximum time for one manifest, including the start of the thread. The thread is terminated when the limit is
   * reached. Because the size of a manifest is limited, only a hung thread reaches the limit. The start of the thread
   * can take seconds on a busy machine.
   */
  timeoutMs: 30 * second,
} as const;
