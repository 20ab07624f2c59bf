/** Limits for the parts of a compilation. The limits for a whole compilation are in core/limits/compile-limits.ts. */

const KiB = 1024;
const MiB = 1024 * KiB;
const second = 1_000;

/** Limits for a regular expression in a schema. */
export const patternLimits = {
  /** The maximum length of a pattern in characters. Hand-written patterns have at most a few hundred. */
  chars: 16 * KiB,
  /**
   * The maximum number of instructions of a pattern's matcher. Counted repetitions are expanded: `[a-z]{1,4096}` has
   * 4,097 instructions. For each character of the text, the matcher takes at most one step per instruction.
   */
  size: 20_000,
  /**
   * The maximum number of matcher instructions of all patterns of one schema. At this limit the matchers take about
   * 150 MiB.
   */
  sizes: 200_000,
  /**
   * The maximum length of a pattern in characters, after its character classes are expanded to ranges. For example,
   * `\p{L}` expands to 10,000 characters. The limit bounds the memory of the matcher.
   */
  spelledChars: MiB,
  /** The maximum nesting depth of groups in a pattern. */
  depth: 100,
  /**
   * The maximum number of matcher instructions of all cached patterns. The cache avoids compiling the same pattern
   * for each schema of a source.
   */
  keptSize: 100_000,
  /**
   * The maximum product of a pattern's instructions and the length of the text that is matched. At this limit, the
   * slowest known patterns take 3.5 s, and typical patterns a thousandth of that.
   */
  steps: 50_000_000,
} as const;

export const validationLimits = {
  /**
   * The maximum CPU time to validate one document, in milliseconds. A document of a few kilobytes takes less than 1
   * ms.
   */
  documentMs: 2 * second,
  /** The maximum CPU time to compile one schema, in milliseconds. A typical schema takes a few milliseconds. */
  schemaMs: 10 * second,
  /**
   * The maximum length of a value with the format `url`, in characters. The check takes quadratic time. Browsers
   * accept URLs of about this length.
   */
  urlChars: 2_048,
} as const;

/**
 * Limits for the entries that a compilation stores in the cache, in characters. A result above a limit is not cached,
 * so a later compilation computes it again.
 */
export const cacheEntryLimits = {
  /**
   * The maximum size of the cache entry of one document, which is enough for 10,000 reference values. Without a
   * limit, a hundred references with the pattern `/*` would store a text of 8 MiB a hundred times.
   */
  factsChars: MiB,
  /**
   * The maximum size of all cache entries and keys of one compilation. A source with 2,000 documents typically has
   * entries of 500,000 characters.
   */
  sourceChars: 8 * MiB,
} as const;

export const moduleLimits = {
  /**
   * The maximum number of consecutive operators and keywords that nest without brackets, such as `else if` and `!`.
   * Hand-written code has at most ten in a row.
   */
  chain: 2_000,
} as const;

/**
 * Limits for a bundler process. Each compile process starts its own. `heapMiB` is the soft limit of the garbage
 * collector, and `dataMiB` is the memory limit that the kernel enforces.
 */
export const bundlerLimits = { heapMiB: 384, dataMiB: 768, cpuSeconds: 10 } as const;

export const processLimits = {
  /**
   * The number of compile processes in addition to those that may run at a time. When a process is killed, the next
   * compilation uses the additional process instead of waiting for a new one to start.
   */
  reserve: 1,
  /**
   * The time that a compilation runs before the pool starts its spare process, in milliseconds. It is below half a second of processor time,
   * before which no compilation is interrupted, and above the time of most compilations.
   */
  spareAfterMs: second / 4,
  /**
   * The interval at which the CPU time of a running compilation is read, in milliseconds. One read takes about 50 µs.
   */
  checkMs: second / 4,
  /**
   * The CPU time of a compilation counts as at least its wall time divided by this number. Otherwise a compilation on
   * an overloaded machine would stay below its CPU limit and occupy its process for too long.
   */
  wallPerProcessor: 4,
  /**
   * The maximum number of bytes per read from the database. A read of this size takes tens of milliseconds. A file
   * that is larger than this limit is read alone.
   */
  readBytes: 4 * MiB,
  /**
   * The maximum number of requests for files that one compilation may have open at a time. It is ten times the
   * largest number of imports that can be open at a time.
   */
  openQuestions: 100_000,
  /** The maximum number of blob bytes per message. The receiver takes about 1 ms to process one message. */
  pieceBytes: MiB,
  /**
   * The estimated size up to which the parts of a result are sent in one message. It is far below a piece, so that the
   * receiver does not take longer for such a message.
   */
  messageBytes: 128 * KiB,
  /**
   * The maximum live heap of a compile process after a compilation, in MiB. The code takes 16 MiB, and sending a
   * large result takes a few tens of MiB more. A process above this limit still holds data of its last source. It is
   * therefore replaced.
   */
  liveHeapMiB: 96,
  /**
   * The maximum number of characters that are kept of a compile process's standard error. They are enough to show why
   * it died.
   */
  stderrChars: 4_000,
} as const;
