/** What one compilation may use, with the reasons; as core/limits/limits.ts. Sizes are bytes, times are milliseconds. */

const KiB = 1024;
const MiB = 1024 * KiB;
const second = 1_000;
const minute = 60 * second;

/** One compilation. It runs in its own process, which is killed when it exceeds a limit. */
export const compileLimits = {
  /** Wall time of one compilation: 20 times what 2,000 documents take cold on two shared cores. */
  timeoutMs: 60 * second,
  /** Reading for one compilation, which occupies its slot during that time. Four times the limit of one statement; the largest source needs eight statements. */
  readingMs: 60 * second,
  /** Old-generation heap of one compile process: a 32 MiB source parses into less than 400 MiB of objects. */
  heapMiB: 768,
  /** Compile processes: two, so that one tenant's expensive source leaves one for the others, and no more than the cores of a small machine. */
  threads: 2,
  /** Compilations of one tenant at a time, for the same reason. */
  perTenant: 1,
  /**
   * The niceness of the compile processes and their children. They get a third of a processor that other processes need too. So compilations do not slow the steps
   * of a publish, and a compilation on a busy machine still ends far within its time limit.
   */
  niceness: 5,
  /** Compilations that may wait for a process; above that the caller gets `busy`. */
  queued: 1_000,
  /** Sources whose listing a worker remembers between the steps of a release: more than it runs concurrently. */
  sourceTrees: 500,
  /**
   * Bytes of the cache of compiled documents, which makes it fast to compile a slightly changed source again. When the cache is full, it evicts documents of the
   * tenant that uses the most bytes.
   */
  cacheBytes: 256 * MiB,
  /** Bytes of one tenant in that cache: all results of the largest source, and many of them again after a change. */
  cacheBytesPerTenant: 128 * MiB,
  /** Compilations of one tenant that may wait: a tenth of all, so that one tenant cannot make the API refuse others. */
  queuedPerTenant: 100,
  /**
   * The wait before a step is retried when its tenant has that many waiting: random in this range. A hundred waiting compilations take from some seconds to many minutes.
   */
  busy: { firstMs: 10 * second, lastMs: 30 * second },
  /** New-generation heap of one compile process, in addition to `heapMiB`: twice Node's default of 32, because parsing creates much short-lived data. */
  youngHeapMiB: 64,
  /** The time for a process to report that it has started: 20 times the usual duration on two busy cores, after the previous process was killed. */
  threadStartMs: 20 * second,
  /** Results of one tenant that are kept for the stages that compile the same source again: validate, compile and store follow within seconds. */
  memoResults: 64,
  /** Bytes of all those results: a few of the largest sources, hundreds of usual ones. */
  memoBytes: 128 * MiB,
  /** Bytes of one tenant's results: enough for the largest source. */
  memoBytesPerTenant: 96 * MiB,
  /**
   * One file of a module. The bundler takes up to 500 bytes of memory for a byte of usual code, and more than 60,000 for a byte of hostile code. People write under
   * 64 KiB.
   */
  moduleFileBytes: 256 * KiB,
  /** Processor time after which a compilation counts as long. Long compilations may use all processes but one. A usual compilation takes under two seconds cold. */
  longMs: 5 * second,
  /** Processor time after which a compilation yields, once, to a waiting compilation of another tenant. A usual compilation takes less when the process is warm. */
  sliceMs: second / 2,
  /** Quick compilations that may start while a compilation that has yielded waits. After them, the waiting compilation starts. */
  quickPerSlow: 4,
  /** How long a tenant's compilations start as slow or long after one of them was slow or long. An attacker with many tenants gains from each tenant only once in this time. */
  standingMs: 10 * minute,
  /** Tenants that are remembered as slow: about a MiB. */
  standingsKept: 10_000,
  /** How long a source that exceeded a limit is remembered: a retry is refused immediately. */
  exhaustedMs: 10 * minute,
  /** Such sources in memory. */
  exhaustedKept: 1_000,
  /** Nesting of brackets in a module's file, for the same reason. */
  moduleDepth: 1_000,
} as const;
