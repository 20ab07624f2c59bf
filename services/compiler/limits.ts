/** Bounds of single parts of the compiler. Those of one compilation as a whole are in core/limits/compile-limits.ts. */

const KiB = 1024;
const MiB = 1024 * KiB;
const second = 1_000;

/** One regular expression of a schema. */
export const patternLimits = {
  /** Characters. People write some hundreds. */
  chars: 16 * KiB,
  /** Instructions of its matcher, counted repetitions written out: `[a-z]{1,4096}` has 4,097. Each may cost a step for each character. */
  size: 20_000,
  /** Of all patterns of a schema together: about 150 MiB of matchers. */
  sizes: 200_000,
  /** Its classes spelled out as ranges: `\p{L}` has 10,000 characters, and each takes memory in the matcher. */
  spelledChars: MiB,
  /** Nesting of groups in it. */
  depth: 100,
  /** Sizes of the compiled patterns together that are kept for the next schema of the same source. */
  keptSize: 100_000,
  /** Size of a pattern times the length of a text: at most 3.5 s, measured with the worst patterns found. Usual ones take a thousandth. */
  steps: 50_000_000,
} as const;

export const validationLimits = {
  /** Processor time to validate one document. Documents of a few kilobytes take well under a millisecond. */
  documentMs: 2 * second,
  /** Processor time to prepare one schema. Usual ones take some milliseconds. */
  schemaMs: 10 * second,
  /** A value of the format `url`, whose check is quadratic in its length. Browsers and servers take about as much. */
  urlChars: 2_048,
} as const;

/** What a later compilation may take over, in characters of {@link Memory.facts}. What is past it is compiled again. */
export const memoryLimits = {
  /** Of one document: 10,000 references with their places. A pattern such as `/*` in a hundred references would repeat a text of 8 MiB for each. */
  factsChars: MiB,
  /** Of a source, with their keys. Two thousand documents have half a million. */
  sourceChars: 8 * MiB,
} as const;

export const moduleLimits = {
  /** Operators and keywords in a row that may nest without brackets, such as `else if` and `!`: two hundred times what people write. */
  chain: 2_000,
} as const;

/** The bundler's process, one for each compile process: memory that its collector aims at, memory that the kernel gives, processor time. */
export const bundlerLimits = { heapMiB: 384, dataMiB: 768, cpuSeconds: 10 } as const;

export const processLimits = {
  /** Processes that are started beyond one for each place: when one is ended, the next compilation does not wait for its replacement to start. */
  reserve: 1,
  /** How often the processor time of a running compilation is read, which takes some 50 µs. */
  lookMs: second / 4,
  /** Wall time of which a part is taken for processor time where that is less: a starved machine must not keep a place taken for long. */
  wallPerProcessor: 4,
  /** Bytes of the source that are read from the store at once: some tens of milliseconds of one connection. A single file may be larger. */
  readBytes: 4 * MiB,
  /** Questions of one compilation that may be open: ten times the imports that the largest source can have open at once. */
  openQuestions: 100_000,
  /** Bytes of the blobs that are sent in one message: about a millisecond of whoever reads it. */
  pieceBytes: MiB,
  /**
   * Live heap of a compile process after a compilation, in MiB. The code takes 16, and a large result that is being sent some tens more. A
   * process above it holds something of a source that should be gone, and is replaced.
   */
  liveHeapMiB: 96,
  /** Of what a compile process writes before it dies: enough for the reason. */
  lastWordsChars: 4_000,
} as const;
