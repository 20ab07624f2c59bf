/** The limits of the system, with their reasons. A limit anywhere else is a mistake. Sizes are bytes, times are milliseconds. */

const KiB = 1024;
const MiB = 1024 * KiB;
const second = 1_000;
const minute = 60 * second;

/** One publish. Configuration is text that people write; a larger bundle is not configuration. */
export const sourceLimits = {
  /** The whole request body. Larger than the sum of all files, because JSON escapes and base64 need more space. */
  bodyBytes: 48 * MiB,
  /** All files together, unpacked: a worker holds them in memory several times while it compiles. */
  totalBytes: 32 * MiB,
  /** One file. A document this long takes about a second to parse; larger assets belong in an object store. */
  fileBytes: 8 * MiB,
  /** Files in a source: five times the largest bundle that the benchmarks compile. */
  files: 10_000,
} as const;

/** The parsing of a document. */
export const documentLimits = {
  /** Nesting of maps and lists. Recursive descent overflows the stack at some thousands; people write fewer than 20. */
  depth: 200,
  /** Nodes that aliases may expand to in one YAML document: the "billion laughs" attack needs 10^9. */
  aliasNodes: 100_000,
  /** Characters that aliases may expand to in one YAML document: as many as a file may have. */
  aliasChars: sourceLimits.fileBytes,
  /** Problems reported for one source: after so many the author fixes the first ones anyway. */
  diagnostics: 200,
  /** Characters of each text of one problem. Names come from the source: one of a megabyte would be repeated two hundred times. */
  textChars: 2_000,
  /** Characters of a key or another name that a problem quotes. More would not help the author to find it. */
  nameChars: 200,
  /**
   * Characters of all problems of one source or body together. Two hundred usual ones have 30,000. They are sent from a thread or process to one that serves all
   * tenants, and are recorded.
   */
  reportChars: 36 * KiB,
} as const;

/** The report on a document that a schema has refused. Its sender determines the number of issues. */
export const issueLimits = {
  /** Issues in one text: after fixing the first three, the author sees the next ones. */
  shown: 3,
  /** Characters of each, with its place: a name that is quoted may be as long as the document. */
  chars: 300,
} as const;

/** The manifest of an artifact from an outside compiler. */
export const manifestLimits = {
  /** Files: the limit of a source. A follower does not accept more either. */
  layers: sourceLimits.files,
  /** Values of the whole document: a layer has 5 of its own, which leaves 10 for annotations. Parsing so many takes about 20 ms. */
  values: 16 * sourceLimits.files,
  /** A media type (RFC 6838, section 4.2, with room for parameters). */
  mediaTypeChars: 255,
} as const;

/** Waiting for PostgreSQL. */
export const databaseLimits = {
  /** Connections a process holds. Two processes and the tests stay well under PostgreSQL's default of 100. */
  connections: 16,
  /** Getting a connection, including a new one: after that the store counts as down. */
  connectTimeoutMs: 5 * second,
  /** One statement: the slowest, storing a full source, takes under a second. */
  statementTimeoutMs: 15 * second,
  /** Added to the statement's timeout before a connection that does not respond at all counts as lost. */
  silenceMs: 5 * second,
  /** A connection on which nothing happens is probed by the kernel after this: its default are two hours, and firewalls forget sooner. */
  keepAliveDelayMs: 10 * second,
  /** Between two attempts to listen again after the listening connection was lost. */
  listenAgainMs: second,
  /** The listening connection is asked this often whether it still answers: what was lost on the way is not noticed in any other way. */
  listenCheckMs: 30 * second,
  /** An answer to that which takes longer than this: the connection is lost, and made again. */
  listenSilenceMs: 5 * second,
  /** A row lock held by another publish: swaps take milliseconds. */
  lockTimeoutMs: 2 * second,
} as const;

/** Retries of a durable step that uses our own store. All are bounded: with unbounded retries the undo would never run. */
export const stepRetries = {
  /** Inside the tenant's object, whose key is held meanwhile: give up soon, return an error, free the key. */
  whileHoldingTenant: {
    maxRetryAttempts: 5,
    maxRetryDuration: 5 * second,
    initialRetryInterval: 50,
    retryIntervalFactor: 3,
    maxRetryInterval: second,
  },
  /** Inside a call that a client waits for, which holds nothing else: longer than a restart of the database, shorter than the client's timeout. */
  whileSomebodyWaits: {
    maxRetryDuration: 10 * second,
    initialRetryInterval: 50,
    retryIntervalFactor: 2,
    maxRetryInterval: second,
  },
  /** Inside a release, which holds nothing that others need: longer than a failover or a repair of the database. */
  insideRelease: {
    maxRetryDuration: 60 * minute,
    initialRetryInterval: 50,
    retryIntervalFactor: 2,
    maxRetryInterval: 5 * second,
  },
  /** An undo: long enough for a restart of the database, short enough to notify an operator within the hour. */
  undo: {
    maxRetryDuration: 10 * minute,
    initialRetryInterval: 50,
    retryIntervalFactor: 2,
    maxRetryInterval: 5 * second,
  },
  /** A question about the current moment: a second attempt would be about another moment. */
  once: { maxRetryAttempts: 1 },
} as const;

/**
 * How long Restate retries an invocation that fails outside its steps, and how long it keeps one. The cause is a worker that is away, being deployed or repaired, or
 * a defect of ours.
 */
export const invocationLimits = {
  /** About ten minutes; then the key is free. */
  objectRetries: { initialInterval: 50, exponentiationFactor: 2, maxInterval: 5 * second, maxAttempts: 125 },
  /** About a day, because no caller waits for it: a worker may be away for a night, and its releases continue when it is back. */
  workflowRetries: {
    initialInterval: 50,
    exponentiationFactor: 2,
    maxInterval: 10 * second,
    maxAttempts: 8_640,
  },
  /** Longer than the longest step, a compilation with its retries: after that a running step is abandoned and run again. */
  abortMs: 5 * minute,
  /** How long an operator can inspect an invocation. The record keeps releases permanently. */
  retentionMs: 24 * 60 * minute,
} as const;

/** A release that waits for the tenant's object, or for the store behind it. */
export const releaseLimits = {
  /** As long as the retries of its other steps. */
  swapWaitMs: 60 * minute,
  swapIntervalMs: 2 * second,
} as const;

/** Admission. */
export const tenantLimits = {
  /** Channels of one bundle: stages of a delivery, not branches. All of them are one value of the tenant's durable state. */
  channelsPerBundle: 100,
  /** Releases in the queue of one pointer; above that a publish gets 429. */
  queuedPerPointer: 100,
  /** How often a handler that ignores cancellation retries when it is cancelled. A person cancels once or twice. */
  ignoredCancels: 20,
} as const;

/** The channels of a bundle in a message. */
export const channelLimits = {
  /** Names in one sentence: a line or two. The API's list has them all. */
  namedInText: 20,
  /** Edits between a name and a misspelling of it: two typos. */
  misspeltBy: 2,
} as const;

/** What a release waits for before its swap. */
export const gateLimits = {
  /** Gates of one channel: more than any review process that people follow. */
  gates: 20,
  /** Approvals that one gate may require. */
  approvers: 10,
  /** Freezes of one window. */
  freezes: 50,
  urlChars: 2_000,
  /** Shortest and longest wait of a gate. Seconds are for machines; a month covers holidays, and after that people have forgotten the release. */
  minWithinMs: second,
  maxWithinMs: 31 * 24 * 60 * minute,
  /** How far ahead a release may be scheduled. */
  scheduleMs: 90 * 24 * 60 * minute,
  /** How far ahead a window must open: a policy that never lets a release through is a mistake. */
  freezeMs: 90 * 24 * 60 * minute,
  /** Moves of the pointer that void given approvals and make the release wait again: after this many, the release is rejected. */
  rounds: 20,
  /** Between two evaluations of gates whose deadline should have passed, when Restate's clock is ahead of the worker's. */
  shortestLookMs: 100,
} as const;

/** Work that a provider's hook starts. */
export const hookLimits = {
  /** Fetching the source of a push: about twenty minutes with the waits, or as long as the provider's `Retry-After`. */
  fetchRetries: { attempts: 10, firstMs: 2 * second, factor: 2, maxMs: 5 * minute },
  /** How often one source is fetched again because it was deleted before the publish: once is an outage of the store. */
  storeRounds: 3,
  /** When the worker is busy with other deliveries: they take seconds, and after an hour it is not a queue any more. */
  busyIntervalMs: 2 * second,
  busyMs: 60 * minute,
  /** Posting a commit status: about an hour. A later status would be looked up by hand. */
  statusRetries: { attempts: 10, firstMs: 2 * second, factor: 3, maxMs: 10 * minute },
  /** How long deliveries are kept after they have ended. Providers show theirs for a month at most. */
  keptMs: 90 * 24 * 60 * minute,
} as const;

/** The sweep that settles killed releases. */
export const sweepLimits = {
  /** Between two sweeps. Together with the age below it limits how long a killed release can block its pointer. */
  everyMs: 5 * second,
  /** A younger release is skipped: its invocation may not have started yet. */
  minAgeMs: 5 * second,
  /** Releases checked at once: one query to each side. A sweep continues until it has checked all. */
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
   * Values of such a body, and of a callback's, which may be larger. A report's 200 diagnostics have 1,400 values, and a policy of 64 KiB at most 8,000. They are
   * parsed on the event loop: half a megabyte of zeros would be 260,000 values, and a schema would create an object to refuse each.
   */
  jsonBodyValues: 10_000,
  /** The longest long-poll: below the 60 s after which common proxies cut an idle connection. */
  waitMs: 55 * second,
  /** A call into Restate: admission takes milliseconds; after this the control plane counts as down. */
  ingressTimeoutMs: 20 * second,
  /** The `Retry-After` of 503 and 429, in seconds (RFC 9110, section 10.2.3). */
  retryAfterSeconds: 2,
  /** Characters of an Idempotency-Key. */
  idempotencyKeyChars: 255,
  /** Characters of free text: a message, a reason. */
  textChars: 1_000,
  /** How long requests in flight may continue after the process began to shut down. */
  drainMs: 10 * second,
} as const;

/** Bounded retries, of any kind above. */
export type StepRetries = (typeof stepRetries)[keyof typeof stepRetries];
