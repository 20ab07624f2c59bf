/**
 * The resources that one compilation may use, with the reason for each limit, as in core/limits/limits.ts.
 * Sizes are bytes, times are milliseconds.
 */

const KiB = 1024;
const MiB = 1024 * KiB;
const second = 1_000;
const minute = 60 * second;

/** Limits of the compiled documents that are stored in the database, so that a new process does not compile them again. */
export const storedDocumentLimits = {
  /**
   * The number of files from which a source's compiled documents are stored, and the number of documents without a
   * result in memory from which they are looked up. Fewer documents are compiled in about the time of a lookup.
   */
  fewest: 64,
  /**
   * The length of the facts about one document, in characters. Most of them are its values that references use:
   * typical facts have 300. A document with longer facts is compiled by each new process.
   */
  factsChars: 4 * KiB,
  /**
   * The facts that one lookup returns: 800 bytes for each document of the largest source. The other documents are
   * compiled.
   */
  lookupBytes: 8 * MiB,
} as const;

/**
 * Limits of one compilation. It runs in a separate process, which the worker kills when it exceeds a limit.
 */
export const compileLimits = {
  /**
   * Wall time of one compilation: 20 times the duration for 2,000 documents with a cold cache on two shared
   * cores.
   */
  timeoutMs: 60 * second,
  /**
   * The time to read the source of one compilation from the database. The compilation occupies its slot
   * meanwhile. This is four times the limit of one statement; the largest source needs eight statements.
   */
  readingMs: 60 * second,
  /**
   * The old-generation heap of one compile process. A 32 MiB source parses into less than 400 MiB of objects.
   */
  heapMiB: 768,
  /**
   * The number of compile processes. With two, one tenant's expensive source leaves a process for the other
   * tenants. More would exceed the cores of a small machine.
   */
  threads: 2,
  /** Concurrent compilations of one tenant. A tenant never occupies both processes. */
  perTenant: 1,
  /**
   * The niceness of the compile processes and their children. On a contended core they get about a third of
   * the CPU time. Compilations therefore do not slow down the other steps of a publish, and still finish well
   * within their time limit on a busy machine.
   */
  niceness: 5,
  /** Compilations that may wait for a process. Above this limit, the caller gets `busy`. */
  queued: 1_000,
  /**
   * The size of the cache of compiled documents, which speeds up compiling a slightly changed source. When
   * the cache is full, it evicts documents of the tenant that uses the most bytes.
   */
  cacheBytes: 256 * MiB,
  /**
   * The size of one tenant's part of the cache of compiled documents. It holds all documents of the largest
   * source, and the changed versions of many of them.
   */
  cacheBytesPerTenant: 128 * MiB,
  /**
   * Compilations of one tenant that may wait for a process: a tenth of all, so that one tenant can't fill the
   * queue for the others.
   */
  queuedPerTenant: 100,
  /**
   * The wait before the worker retries a step whose tenant has reached `queuedPerTenant`. It is random within
   * this range. A hundred waiting compilations take between some seconds and many minutes.
   */
  busy: { firstMs: 10 * second, lastMs: 30 * second },
  /**
   * The new-generation heap of one compile process, in addition to `heapMiB`: twice Node's default of 32 MiB,
   * because parsing creates many short-lived objects.
   */
  youngHeapMiB: 64,
  /**
   * The time within which a new compile process must report that it has started: 20 times the usual duration
   * on two busy cores.
   */
  threadStartMs: 20 * second,
  /**
   * The number of cached compile results of one tenant. The stages validate, compile and store need the same
   * result within seconds of each other.
   */
  memoResults: 64,
  /**
   * The total size of the cached compile results of all tenants: enough for a few of the largest sources, or
   * for hundreds of typical ones.
   */
  memoBytes: 128 * MiB,
  /** The maximum size of the cached compile results of one tenant: enough for the largest source. */
  memoBytesPerTenant: 96 * MiB,
  /**
   * The size of one file of a module. The bundler needs up to 500 bytes of memory for each byte of typical
   * code, and more than 60,000 for each byte of malicious code. Hand-written files stay under 64 KiB.
   */
  moduleFileBytes: 256 * KiB,
  /**
   * CPU time after which a compilation counts as long. Long compilations never occupy the last free process.
   * A typical compilation takes less than two seconds with a cold cache.
   */
  longMs: 5 * second,
  /**
   * CPU time after which a compilation yields, once, to a waiting compilation of another tenant. In a warm
   * process, a typical compilation takes less.
   */
  sliceMs: second / 2,
  /** The maximum number of quick compilations that may start ahead of a compilation that has yielded. */
  quickPerSlow: 4,
  /**
   * How long the scheduler treats a tenant's new compilations as slow or long after one of them was. An
   * attacker with many tenants can therefore use each tenant only once within this time.
   */
  standingMs: 10 * minute,
  /** The maximum number of tenants that the scheduler remembers as slow or long. The list takes about 1 MiB. */
  standingsKept: 10_000,
  /**
   * How long the worker remembers a source that exceeded a limit. It rejects a retry of such a source
   * immediately.
   */
  exhaustedMs: 10 * minute,
  /** The maximum number of sources that the worker remembers because they exceeded a limit. */
  exhaustedKept: 1_000,
  /**
   * The nesting depth of brackets in a file of a module. Like a large file, deep nesting makes the bundler
   * use a lot of memory.
   */
  moduleDepth: 1_000,
} as const;
