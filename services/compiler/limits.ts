/** Limits for parts of the compiler. The limits for a whole compilation are in core/limits/compile-limits.ts. */

const KiB = 1024;
const MiB = 1024 * KiB;
const second = 1_000;

/** Limits for a regular expression in a schema. */
export const patternLimits = {
  /** Maximum length in characters. Hand-written patterns have a few hundred. */
  chars: 16 * KiB,
  /**
   * Maximum number of instructions of the matcher, with counted repetitions expanded: `[a-z]{1,4096}` has 4,097. Each instruction may cost
   * one step per character of the text.
   */
  size: 20_000,
  /** Maximum total size of all patterns of a schema: about 150 MiB of matchers. */
  sizes: 200_000,
  /**
   * Maximum length of a pattern after its character classes are expanded to ranges. `\p{L}` becomes 10,000 characters, which take memory in
   * the matcher.
   */
  spelledChars: MiB,
  /** Maximum nesting depth of groups. */
  depth: 100,
  /** Maximum total size of the compiled patterns that are cached for the next schema of the same source. */
  keptSize: 100_000,
  /**
   * Maximum product of the size of the pattern and the length of the text. The worst known patterns take 3.5 s at this limit; usual
   * patterns take a thousandth of that.
   */
  steps: 50_000_000,
} as const;

export const validationLimits = {
  /** Maximum CPU time to validate one document. Documents of a few kilobytes take less than a millisecond. */
  documentMs: 2 * second,
  /** Maximum CPU time to compile one schema. Usual schemas take a few milliseconds. */
  schemaMs: 10 * second,
  /**
   * Maximum length of a value with the format `url`, because checking it takes quadratic time. Browsers accept URLs of about this length.
   */
  urlChars: 2_048,
} as const;

/** Limits for the cache entries of later compilations, in characters. A result that exceeds them is compiled again. */
export const cacheEntryLimits = {
  /**
   * Maximum size of the entry of one document: enough for 10,000 references. Without a limit, a hundred references with the pattern `/*`
   * would repeat a text of 8 MiB a hundred times.
   */
  factsChars: MiB,
  /** Maximum size of all entries and keys of a source. Two thousand documents have half a million characters. */
  sourceChars: 8 * MiB,
} as const;

export const moduleLimits = {
  /**
   * Maximum number of consecutive operators and keywords that may nest without brackets, such as `else if` and `!`. This is two hundred
   * times what hand-written code contains.
   */
  chain: 2_000,
} as const;

/**
 * Limits for the bundler process; each compile process has its own. `heapMiB` is the target of its garbage collector, `dataMiB` the
 * kernel's memory limit.
 */
export const bundlerLimits = { heapMiB: 384, dataMiB: 768, cpuSeconds: 10 } as const;

export const processLimits = {
  /**
   * The number of spare processes. With a spare process, a compilation need not wait until the replacement of a killed process has started.
   */
  reserve: 1,
  /** The interval at which the CPU time of a running compilation is read. A read takes about 50 µs. */
  checkMs: second / 4,
  /**
   * CPU time counts as at least the wall time divided by this number. Otherwise a compilation on an overloaded
   * machine could occupy its process for too long.
   */
  wallPerProcessor: 4,
  /** Maximum number of bytes in one read from the store, which takes tens of milliseconds. A single file may be larger. */
  readBytes: 4 * MiB,
  /**
   * Maximum number of unanswered questions of one compilation: ten times the largest number of imports that can be open at the same time.
   */
  openQuestions: 100_000,
  /** Maximum number of blob bytes per message. The receiver needs about a millisecond to read one message. */
  pieceBytes: MiB,
  /**
   * Maximum live heap of a compile process after a compilation, in MiB. The code takes 16, and sending a large result takes a few tens
   * more. A process above the limit retains data of its last source, so it is replaced.
   */
  liveHeapMiB: 96,
  /** Maximum number of characters kept of a compile process's standard error: enough to show why it died. */
  stderrChars: 4_000,
} as const;
