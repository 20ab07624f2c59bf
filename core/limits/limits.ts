/**
 * Every bound of the system, with its reason. A number that limits something and stands anywhere else is a mistake.
 * Sizes are bytes, times are milliseconds.
 */

const KiB = 1024;
const MiB = 1024 * KiB;
const second = 1_000;
const minute = 60 * second;

/** What one publish may bring. Configuration is text that people write; a bundle past these is not configuration. */
export const sourceLimits = {
  /** The whole request body. Above the sum of all files, since JSON escapes and base64 make them larger on the wire. */
  bodyBytes: 48 * MiB,
  /** All files together after unpacking: what a worker must hold in memory, several times over, while it compiles. */
  totalBytes: 32 * MiB,
  /** One file. A document this long takes about a second to parse; assets larger than this belong in an object store. */
  fileBytes: 8 * MiB,
  /** Files in a source: five times the largest bundle that the benchmarks compile. */
  files: 10_000,
} as const;

/** What a document may do to the parser. */
export const documentLimits = {
  /** Nesting of maps and lists. Recursive descent overflows the stack at some thousands; people write fewer than 20. */
  depth: 200,
  /** Nodes that aliases may expand to in one YAML document: the "billion laughs" attack needs 10^9. */
  aliasNodes: 100_000,
  /** Characters that aliases may expand to in one YAML document: as many as a file may have. */
  aliasChars: sourceLimits.fileBytes,
  /** Problems reported of one source; after so many the author mends the first ones anyway. */
  diagnostics: 200,
  /** Characters of each text of one problem. Names come from the source: one of a megabyte would be told two hundred times. */
  textChars: 2_000,
  /** Characters of a key or another name that a problem quotes. The rest would not help the author to find it. */
  nameChars: 200,
  /**
   * Characters of all problems of one source or body together. Two hundred usual ones have 30,000. They leave a thread or a process for one
   * that serves all tenants, and are recorded and sent.
   */
  reportChars: 36 * KiB,
} as const;

/** What is told of a document that a schema has refused. Its sender chooses how many issues there are. */
export const issueLimits = {
  /** Issues of one text: whoever mends the first three sees the next ones. */
  shown: 3,
  /** Characters of each, with its place: a name that is quoted may be as long as the document. */
  chars: 300,
} as const;

/** The manifest of an artifact that somebody else has made. */
export const manifestLimits = {
  /** Files: as many as the largest source has. A follower takes no more either. */
  layers: sourceLimits.files,
  /** Values of the whole document: a layer has 5 of its own, which leaves 10 for annotations. Parsing so many takes about 20 ms. */
  values: 16 * sourceLimits.files,
  /** A media type (RFC 6838, section 4.2, with room for parameters). */
  mediaTypeChars: 255,
} as const;

/** What one compilation may use. It runs in a process of its own, which is ended when it goes past. */
export const compileLimits = {
  /** Wall time of one compilation: 20 times what 2,000 documents take cold on two shared cores. */
  timeoutMs: 60 * second,
  /** Reading for one compilation, which keeps its place meanwhile: four times what one statement may take; the largest source has eight. */
  readingMs: 60 * second,
  /** Old-generation heap of one compile process: a 32 MiB source parses into less than 400 MiB of objects. */
  heapMiB: 768,
  /** Compile processes: two, so that one tenant's monster leaves one for the others, and no more than the small machines have cores. */
  threads: 2,
  /** Compilations of one tenant at a time, for the same reason. */
  perTenant: 1,
  /**
   * Of the compile processes and what they start: a third of what others get of a processor that both want. What another tenant has
   * compiled does not slow the steps of a publish, and a compilation on a busy machine still ends far within its time.
   */
  niceness: 5,
  /** Compilations that may wait for a process before the caller is told to come back later. */
  queued: 1_000,
  /** Sources whose listing a worker remembers between the steps of a release: more than it runs at once. */
  sourceTrees: 500,
  /**
   * Bytes of the cache of compiled documents, which makes it fast to compile a slightly changed source again. When the cache is full, it evicts
   * documents of the tenant that uses the most bytes.
   */
  cacheBytes: 256 * MiB,
  /** Of one tenant: everything that the largest source makes, and a good part of it once more when it has changed. */
  cacheBytesPerTenant: 128 * MiB,
  /** Compilations of one tenant that may wait: a tenth of all, so that one tenant cannot make the others be told to come back. */
  queuedPerTenant: 100,
  /**
   * Until a step comes again whose tenant has as many waiting: between these, by chance. The hundred that wait take from some seconds to
   * many minutes.
   */
  busy: { firstMs: 10 * second, lastMs: 30 * second },
  /** New-generation heap of one compile process, on top of `heapMiB`: twice Node's own 32, since parsing makes much that dies young. */
  youngHeapMiB: 64,
  /** Until a process says that it has begun: 20 times what starting one takes on two busy cores, when the one before was killed. */
  threadStartMs: 20 * second,
  /** Whole results of one tenant kept for the stages that compile the same source again: validate, compile and store come within seconds. */
  memoResults: 64,
  /** Bytes of all those results: a few of the largest sources, hundreds of usual ones. */
  memoBytes: 128 * MiB,
  /** Bytes of those of one tenant: a result of the largest source has room. */
  memoBytesPerTenant: 96 * MiB,
  /**
   * One file of a module. The bundler takes up to 500 bytes of memory for a byte of usual code, and more than 60,000 for a byte of hostile
   * code. People write under 64 KiB.
   */
  moduleFileBytes: 256 * KiB,
  /** Processor time after which a compilation is a long one, of which one process less than all may run: what is usual takes under two seconds cold. */
  longMs: 5 * second,
  /** Processor time after which a compilation gives way, once, to a waiting one of another tenant: what is usual takes less, once it is warm. */
  sliceMs: second / 2,
  /** Quick compilations that may start while one waits that has given way: it then starts before the next quick one. */
  quickPerSlow: 4,
  /** How long a tenant's compilations start as slow or long ones after one of them was. An attacker with many tenants gains from each only once in this time. */
  standingMs: 10 * minute,
  /** Tenants that are known for that: about a MiB. */
  standingsKept: 10_000,
  /** How long a source that exhausted a bound is remembered: a retry is answered at once. */
  exhaustedMs: 10 * minute,
  /** Such sources that are remembered. */
  exhaustedKept: 1_000,
  /** Nesting of brackets in a module's file, for the same reason. */
  moduleDepth: 1_000,
} as const;

/** Waiting for PostgreSQL. */
export const databaseLimits = {
  /** Connections a process holds. Two processes and the tests stay well under PostgreSQL's default of 100. */
  connections: 16,
  /** Getting a connection, a new one included: past it the store counts as down. */
  connectTimeoutMs: 5 * second,
  /** One statement: the slowest, storing a full source, takes under a second. */
  statementTimeoutMs: 15 * second,
  /** Added to the statement's time before a connection that gives no answer at all counts as lost. */
  silenceMs: 5 * second,
  /** Between two attempts to listen again after the listening connection was lost. */
  listenAgainMs: second,
  /** A row lock held by another publish: swaps take milliseconds. */
  lockTimeoutMs: 2 * second,
} as const;

/** Retries of a durable step that talks to our own store. All end: an unbounded one would never let the undo run. */
export const stepRetries = {
  /** Inside the tenant's object, whose key is held meanwhile: give up soon, tell the caller, free the key. */
  whileHoldingTenant: {
    maxRetryAttempts: 5,
    maxRetryDuration: 5 * second,
    initialRetryInterval: 50,
    retryIntervalFactor: 3,
    maxRetryInterval: second,
  },
  /** Inside a call that a person or a machine waits for, which holds nothing else: longer than a restart of the database, and shorter than theirs. */
  whileSomebodyWaits: {
    maxRetryDuration: 10 * second,
    initialRetryInterval: 50,
    retryIntervalFactor: 2,
    maxRetryInterval: second,
  },
  /** Inside a release, which holds nothing that others need: outlast a database that is being moved or repaired. */
  insideRelease: {
    maxRetryDuration: 60 * minute,
    initialRetryInterval: 50,
    retryIntervalFactor: 2,
    maxRetryInterval: 5 * second,
  },
  /** An undo: long enough for a database that restarts, short enough that an operator hears of it the same hour. */
  undo: {
    maxRetryDuration: 10 * minute,
    initialRetryInterval: 50,
    retryIntervalFactor: 2,
    maxRetryInterval: 5 * second,
  },
  /** A question about now: a second attempt would be about another moment. */
  once: { maxRetryAttempts: 1 },
} as const;

/**
 * How long Restate tries an invocation that fails outside of its steps, and how long it remembers one. What fails so is a worker that is
 * away, being deployed or repaired, or a mistake of ours.
 */
export const invocationLimits = {
  /** About ten minutes, and then the key is free. */
  objectRetries: { initialInterval: 50, exponentiationFactor: 2, maxInterval: 5 * second, maxAttempts: 125 },
  /** About a day, since nobody stands behind it: a worker may be away for a night, and its releases go on when it is back. */
  workflowRetries: {
    initialInterval: 50,
    exponentiationFactor: 2,
    maxInterval: 10 * second,
    maxAttempts: 8_640,
  },
  /** Longer than the longest step, a compilation with its retries: past it a step that still runs is given up and run once more. */
  abortMs: 5 * minute,
  /** How long an operator can look at what an invocation did. The record keeps releases for good. */
  retentionMs: 24 * 60 * minute,
} as const;

/** A release that waits for the tenant's object, or for the store behind it. */
export const releaseLimits = {
  /** As long as its other steps are tried. */
  swapWaitMs: 60 * minute,
  swapIntervalMs: 2 * second,
} as const;

/** Admission. */
export const tenantLimits = {
  /** Channels of one bundle: stages of a delivery, not branches. All of them are one value of the tenant's durable state. */
  channelsPerBundle: 100,
  /** Releases waiting in line for one pointer under `queue`; past it a publish gets 429. */
  queuedPerPointer: 100,
  /** How often a handler that must not be interrupted tries again when it is cancelled. A person cancels once or twice. */
  ignoredCancels: 20,
} as const;

/** The channels of a bundle, as a person is told of them. */
export const channelLimits = {
  /** Names in one sentence: a line or two. The list itself has them all. */
  namedInText: 20,
  /** Edits between two names that still count as a misspelling of one: two slips of the fingers. */
  misspeltBy: 2,
} as const;

/** What a release waits for before its swap. */
export const gateLimits = {
  /** Gates of one channel: more than any review process that people follow. */
  gates: 20,
  /** Approvals that one gate may ask for. */
  approvers: 10,
  /** Freezes of one window. */
  freezes: 50,
  urlChars: 2_000,
  /** Shortest and longest a gate waits. A minute is for machines; a month covers holidays, and past it nobody remembers the release. */
  minWithinMs: second,
  maxWithinMs: 31 * 24 * 60 * minute,
  /** How far ahead a release may be scheduled. */
  scheduleMs: 90 * 24 * 60 * minute,
  /** How far ahead a window must open at some time: a policy that never lets anything through is a mistake. */
  freezeMs: 90 * 24 * 60 * minute,
  /** Pointers that move under given approvals make them void and the release wait again: so often, and then it is refused. */
  rounds: 20,
  /** Between two looks at gates whose time should be over, when Restate's clock is ahead of the worker's. */
  shortestLookMs: 100,
} as const;

/** What a provider's hook sets off. */
export const hookLimits = {
  /** Fetching the source of a push: with the waits between them about twenty minutes, or as long as the provider asks for. */
  fetchRetries: { attempts: 10, firstMs: 2 * second, factor: 2, maxMs: 5 * minute },
  /** How often one source is fetched because it was deleted before it could be published: once is an outage of the store. */
  storeRounds: 3,
  /** One that finds no room on its worker: others take seconds, and an hour of them is no queue any more. */
  busyIntervalMs: 2 * second,
  busyMs: 60 * minute,
  /** Telling a commit: about an hour. A status that comes later than that is looked up by hand. */
  statusRetries: { attempts: 10, firstMs: 2 * second, factor: 3, maxMs: 10 * minute },
  /** How long deliveries stay on record after they have ended. Providers show theirs for a month at most. */
  keptMs: 90 * 24 * 60 * minute,
} as const;

/** The sweep that settles what was killed. */
export const sweepLimits = {
  /** Between two sweeps. With the age below it bounds how long a killed release can stand in the way. */
  everyMs: 5 * second,
  /** A release younger than this is left alone: its invocation may only just be on its way. */
  minAgeMs: 5 * second,
  /** Releases asked about at once: one query to each side. A sweep goes on until it has seen all. */
  batch: 200,
} as const;

/** The HTTP API. */
export const httpLimits = {
  /** Rows of one page of a list. */
  pageSize: 1_000,
  defaultPageSize: 100,
  /** A JSON body that is not a publish: names, numbers and a sentence. */
  jsonBodyBytes: 64 * KiB,
  /**
   * Values of such a body, and of a callback's, which may be larger. A callback's 200 diagnostics have 1,400 and a policy of 64 KiB at most 8,000.
   * They are parsed on the event loop: half a megabyte of zeros would be 260,000, each of which a schema refuses with an object of its own.
   */
  jsonBodyValues: 10_000,
  /** Longest long-poll: under the 60 s at which common proxies cut an idle connection. */
  waitMs: 55 * second,
  /** A call into Restate: admission takes milliseconds; past this the control plane counts as down. */
  ingressTimeoutMs: 20 * second,
  /** What a client that was told 503 or 429 should wait, in seconds (RFC 9110, section 10.2.3). */
  retryAfterSeconds: 2,
  /** Characters of an Idempotency-Key. */
  idempotencyKeyChars: 255,
  /** Characters of free text: a message, a reason. */
  textChars: 1_000,
  /** How long requests in flight may go on after the process was told to stop. */
  drainMs: 10 * second,
} as const;

/** Retries that end, of any kind above. */
export type StepRetries = (typeof stepRetries)[keyof typeof stepRetries];
