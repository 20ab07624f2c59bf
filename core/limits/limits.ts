/** The limits of the system, with their reasons. A limit anywhere else is a mistake. Sizes are bytes, times are milliseconds. */

const second = 1_000;
const minute = 60 * second;

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
  /** The wait between two attempts to listen again after the listening connection was lost. */
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
  /** Inside the tenant's object, whose key is held during the retries: give up soon, return an error, free the key. */
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
 * a defect in our code.
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
  /** How long the swap is tried: as long as the release's other steps are. */
  swapWaitMs: 60 * minute,
  swapIntervalMs: 2 * second,
} as const;

/** Admission. */
export const tenantLimits = {
  /** Releases in the queue of one pointer; above that a publish gets 429. */
  queuedPerPointer: 100,
  /** How many times a handler that ignores cancellation retries when it is cancelled. A person cancels once or twice. */
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
  /** Shortest and longest wait of a gate. Seconds are for machines; a month covers holidays, and after that people have forgotten the release. */
  minWithinMs: second,
  maxWithinMs: 31 * 24 * 60 * minute,
  /** How far ahead a window must open: a policy that never lets a release through is a mistake. */
  freezeMs: 90 * 24 * 60 * minute,
  /** Moves of the pointer that void given approvals and make the release wait again: after this many, the release is rejected. */
  rounds: 20,
  /** The wait between two evaluations of gates whose deadline should have passed, when Restate's clock is ahead of the worker's. */
  shortestWaitMs: 100,
} as const;

/** Work that a provider's hook starts. */
export const hookLimits = {
  /** Fetching the source of a push: about twenty minutes with the waits, or as long as the provider's `Retry-After`. */
  fetchRetries: { attempts: 10, firstMs: 2 * second, factor: 2, maxMs: 5 * minute },
  /** How many times one source is fetched again because it was deleted before the publish. Even one deletion needs an outage of the store. */
  storeRounds: 3,
  /** Retries while the worker is busy with other deliveries. These take seconds, so after an hour something else is wrong. */
  busyIntervalMs: 2 * second,
  busyMs: 60 * minute,
  /** Posting a commit status: about an hour. A later status would be looked up by hand. */
  statusRetries: { attempts: 10, firstMs: 2 * second, factor: 3, maxMs: 10 * minute },
  /** How long deliveries are kept after they have ended. Providers show theirs for a month at most. */
  keptMs: 90 * 24 * 60 * minute,
} as const;

/** The sweep that settles killed releases. */
export const sweepLimits = {
  /** The wait between two sweeps. Together with the age below it limits how long a killed release can block its pointer. */
  everyMs: 5 * second,
  /** A younger release is skipped: its invocation may not have started yet. */
  minAgeMs: 5 * second,
  /** Releases checked together: one query to each side. A sweep continues until it has checked all. */
  batch: 200,
} as const;

/** The HTTP API. */
export const httpLimits = {
  /**
   * Values of such a body, and of a callback's, which may be larger. A report's 200 diagnostics have 1,400 values, and a policy of 64 KiB at most 8,000. They are
   * parsed on the event loop: half a megabyte of zeros would be 260,000 values, and a schema would create an object to refuse each.
   */
  jsonBodyValues: 10_000,
  /** A call into Restate: admission takes milliseconds; after this the control plane counts as down. */
  ingressTimeoutMs: 20 * second,
  /** How long requests in flight may continue after the process began to shut down. */
  drainMs: 10 * second,
} as const;

/** Bounded retries, of any kind above. */
export type StepRetries = (typeof stepRetries)[keyof typeof stepRetries];
