/** Limits for parts of the compiler. The limits for a whole compilation are in core/limits/compile-limits.ts. */

const KiB = 1024;
const MiB = 1024 * KiB;
const second = 1_000;

/** Limits for a regular expression in a schema. */
export const patternLimits = {
  /** Maximum length. Hand-written patterns have a few hundred characters. */
  chars: 16 * KiB,
  /**
   * Instructions of the matcher, with counted repetitions expanded: `[a-z]{1,4096}` has 4,097. Each may cost
   * one step per character of the text.
   */
  size: 20_000,
  /** The sizes of all patterns of a schema together: about 150 MiB of matchers. */
  sizes: 200_000,
  /**
   * Length of the pattern after its character classes are expanded to ranges. `\p{L}` becomes 10,000
   * characters, which take memory in the matcher.
   */
  spelledChars: MiB,
  /** Nesting depth of groups. */
  depth: 100,
  /** Total size of the compiled patterns that are cached for the next schema of the same source. */
  keptSize: 100_000,
  /**
   * Size of the pattern times length of the text. The worst known patterns take 3.5 s for this; usual ones take
   * a thousandth of it.
   */
  steps: 50_000_000,
} as const;

export const validationLimits = {
  /** CPU time to validate one document. Documents of a few kilobytes take less than a millisecond. */
  documentMs: 2 * second,
  /** CPU time to compile one schema. Usual ones take a few milliseconds. */
  schemaMs: 10 * second,
  /** Length of a value with the format `url`, whose check takes quadratic time. Browsers accept about as much. */
  urlChars: 2_048,
} as const;

/** Limits for the cache entries of later compilations, in characters. Anything beyond them is compiled again. */
export const cacheEntryLimits = {
  /**
   * The entry of one document: enough for 10,000 references. Without a limit, a hundred references with the
   * pattern `/*` would repeat a text of 8 MiB a hundred times.
   */
  factsChars: MiB,
  /** All entries and keys of a source. Two thousand documents have half a million characters. */
  sourceChars: 8 * MiB,
} as const;

export const moduleLimits = {
  /**
   * Consecutive operators and keywords that may nest without brackets, such as `else if` and `!`. Two hundred
   * times what hand-written code contains.
   */
  chain: 2_000,
} as const;

/**
 * Limits for the bundler process, of which each compile process has one. `heapMiB` is the target of its garbage
 * collector, `dataMiB` the kernel's memory limit.
 */
export const bundlerLimits = { heapMiB: 384, dataMiB: 768, cpuSeconds: 10 } as const;

export const processLimits = {
  /** Spare processes, so that a compilation need not wait for the replacement of a killed process to start. */
  reserve: 1,
  /** How often the CPU time of a running compilation is read. A read takes about 50 µs. */
  checkMs: second / 4,
  /**
   * CPU time counts as at least the wall time divided by this number. Otherwise a compilation on an overloaded
   * machine could occupy its process for too long.
   */
  wallPerProcessor: 4,
  /** Bytes read from the store at a time, which takes tens of milliseconds. A single file may be larger. */
  readBytes: 4 * MiB,
  /** Unanswered questions of one compilation: ten times the largest number of imports that can be open at the same time. */
  openQuestions: 100_000,
  /** Bytes of blobs per message. The receiver needs about a millisecond to read one. */
  pieceBytes: MiB,
  /**
   * Live heap of a compile process after a compilation, in MiB. The code takes 16, and sending a large result
   * takes a few tens more. A process above the limit retains data of its last source, so it is replaced.
   */
  liveHeapMiB: 96,
  /** Characters kept of a compile process's standard error: enough to show why it died. */
  stderrChars: 4_000,
} as const;
