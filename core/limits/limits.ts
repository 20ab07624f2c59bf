/**
 * The limits of the system, with the reason for each. Limits must not be defined elsewhere. Sizes are bytes,
 * times are milliseconds.
 */

const second = 1_000;
const minute = 60 * second;

/** Limits of the connections and statements to PostgreSQL. */
export const databaseLimits = {
  /**
   * The number of connections of one process. Two processes and the tests stay well below PostgreSQL's
   * default limit of 100.
   */
  connections: 16,
  /**
   * The time to get a connection, from the pool or a new one. After that, the store counts as unavailable.
   */
  connectTimeoutMs: 5 * second,
  /** The timeout of one statement. The slowest one stores a full source, and takes less than a second. */
  statementTimeoutMs: 15 * second,
  /** A connection that has not responded for this long after the statement timeout counts as lost. */
  silenceMs: 5 * second,
  /**
   * The kernel probes an idle connection after this time. Its default is two hours, and firewalls drop idle
   * connections earlier.
   */
  keepAliveDelayMs: 10 * second,
  /** The wait between two attempts to reopen the connection for LISTEN after it was lost. */
  listenAgainMs: second,
  /**
   * The interval of the checks of the connection for LISTEN. A connection that only waits does not notice
   * that the network has dropped it.
   */
  listenCheckMs: 30 * second,
  /** If such a check gets no response within this time, the connection is closed and reopened. */
  listenSilenceMs: 5 * second,
  /** The longest wait for a row lock. Another publish may hold it, but a swap takes milliseconds. */
  lockTimeoutMs: 2 * second,
} as const;

/**
 * The retries of a durable step that uses PostgreSQL. All are bounded, because with unbounded retries a
 * failed release would never undo its effects.
 */
export const stepRetries = {
  /**
   * For steps of the tenant's object. The retries hold the tenant's key, so they end early and the caller
   * gets an error.
   */
  whileHoldingTenant: {
    maxRetryAttempts: 5,
    maxRetryDuration: 5 * second,
    initialRetryInterval: 50,
    retryIntervalFactor: 3,
    maxRetryInterval: second,
  },
  /**
   * For steps of a call that a client waits for and that holds no key: longer than a restart of the database,
   * shorter than the client's timeout.
   */
  whileSomebodyWaits: {
    maxRetryDuration: 10 * second,
    initialRetryInterval: 50,
    retryIntervalFactor: 2,
    maxRetryInterval: second,
  },
  /**
   * For steps of a release, which holds no key that other calls need: longer than a failover or a repair of
   * the database.
   */
  insideRelease: {
    maxRetryDuration: 60 * minute,
    initialRetryInterval: 50,
    retryIntervalFactor: 2,
    maxRetryInterval: 5 * second,
  },
  /**
   * For steps that undo an effect: long enough for a restart of the database, short enough to notify an
   * operator within the hour.
   */
  undo: {
    maxRetryDuration: 10 * minute,
    initialRetryInterval: 50,
    retryIntervalFactor: 2,
    maxRetryInterval: 5 * second,
  },
  /**
   * For steps that read the current state, such as a health check. A retry would return the state of a later
   * time.
   */
  once: { maxRetryAttempts: 1 },
} as const;

/**
 * How long Restate retries an invocation that fails outside its steps, and how long it keeps a completed one.
 * Such a failure has one of two causes: the worker is unreachable (for example during a deployment), or
 * Pointsman's code has a defect.
 */
export const invocationLimits = {
  /** Retries of an object's invocation: about ten minutes. Then the object's key is free for other calls. */
  objectRetries: { initialInterval: 50, exponentiationFactor: 2, maxInterval: 5 * second, maxAttempts: 125 },
  /**
   * Retries of a workflow: about a day, because no caller waits for it. A worker may be down for a night, and
   * its releases continue when it is back.
   */
  workflowRetries: {
    initialInterval: 50,
    exponentiationFactor: 2,
    maxInterval: 10 * second,
    maxAttempts: 8_640,
  },
  /**
   * Restate aborts a step after this time and runs it again. This is longer than the longest step, a
   * compilation including its retries.
   */
  abortMs: 5 * minute,
  /** How long Restate keeps a completed invocation for inspection. PostgreSQL keeps releases permanently. */
  retentionMs: 24 * 60 * minute,
} as const;

/** Limits of a release that waits for the tenant's object, or for PostgreSQL behind it. */
export const releaseLimits = {
  /** How long a release retries its swap: as long as its other steps. */
  swapWaitMs: 60 * minute,
  swapIntervalMs: 2 * second,
} as const;

/** Limits of the tenant's object, which admits releases. */
export const tenantLimits = {
  /**
   * The number of releases in the queue of one pointer. Above this limit, the API responds to a publish with
   * 429.
   */
  queuedPerPointer: 100,
  /** How many times a handler that ignores cancellation retries when it is cancelled. A person cancels once or twice. */
  ignoredCancels: 20,
} as const;

/** Limits of messages that list the channels of a bundle. */
export const channelLimits = {
  /** The maximum number of channel names in one sentence, which fill a line or two. The API lists all channels. */
  namedInText: 20,
  /** The largest edit distance at which a name counts as a misspelling of a known one: two typos. */
  misspeltBy: 2,
} as const;

/** Limits of the gates, which a release must pass before its swap. */
export const gateLimits = {
  /** The maximum number of gates of one channel: more than any practical review process needs. */
  gates: 20,
  /** The maximum number of approvals that one gate may require. */
  approvers: 10,
  /** The maximum number of freezes in one window. */
  freezes: 50,
  /**
   * The shortest and the longest deadline of a gate. An automated check may take only seconds. A month covers
   * vacations, and a release that waits longer is probably abandoned.
   */
  minWithinMs: second,
  maxWithinMs: 31 * 24 * 60 * minute,
  /** A window must open within this time. A policy that never lets a release pass is a mistake. */
  freezeMs: 90 * 24 * 60 * minute,
  /**
   * How many times a release may return to its gates because a move of the pointer has voided its approvals.
   * After that, the release is rejected.
   */
  rounds: 20,
  /**
   * The shortest wait between two evaluations of the gates. It avoids a busy loop when Restate's clock is
   * ahead of the worker's and a deadline has passed only by Restate's clock.
   */
  shortestWaitMs: 100,
} as const;

/** Limits of the work that a Git provider's hook starts. */
export const hookLimits = {
  /**
   * Retries of fetching the source of a push: about twenty minutes in total, or longer if the provider's
   * `Retry-After` demands it.
   */
  fetchRetries: { attempts: 10, firstMs: 2 * second, factor: 2, maxMs: 5 * minute },
  /**
   * How many times a delivery fetches its source again because the source was deleted before the publish.
   * Even a single deletion requires a long outage of the store.
   */
  storeRounds: 3,
  /**
   * Retries while the worker is busy with other deliveries. Each delivery takes seconds, so after an hour the
   * cause must be a different one.
   */
  busyIntervalMs: 2 * second,
  busyMs: 60 * minute,
  /**
   * Retries of posting a commit status: about an hour. After that, people have already looked up the result.
   */
  statusRetries: { attempts: 10, firstMs: 2 * second, factor: 3, maxMs: 10 * minute },
  /** How long ended deliveries are stored. Providers show their deliveries for a month at most. */
  keptMs: 90 * 24 * 60 * minute,
} as const;

/** Limits of the sweep that settles killed releases. */
export const sweepLimits = {
  /**
   * The wait between two sweeps. Together with `minAgeMs`, it limits how long a killed release can block its
   * pointer.
   */
  everyMs: 5 * second,
  /** The sweep skips releases younger than this, because their invocations may not have started yet. */
  minAgeMs: 5 * second,
  /**
   * The number of releases that the sweep checks together, with one query to PostgreSQL and one to Restate.
   * It continues until it has checked all releases.
   */
  batch: 200,
} as const;

/** Limits of the HTTP API. */
export const httpLimits = {
  /**
   * The number of values in a JSON body, including the larger body of a callback. The maximum of 200
   * diagnostics has 1,400 values, and a policy of 64 KiB has at most 8,000. Bodies are parsed on the event
   * loop: half a megabyte of zeros would be 260,000 values, and the schema would create an error for each.
   */
  jsonBodyValues: 10_000,
  /**
   * The timeout of a call to Restate's ingress. Admission takes milliseconds; after this time, Restate counts
   * as unavailable.
   */
  ingressTimeoutMs: 20 * second,
  /** How long requests in flight may continue after the process has begun to shut down. */
  drainMs: 10 * second,
} as const;

/** One of the retry policies in {@link stepRetries}. */
export type StepRetries = (typeof stepRetries)[keyof typeof stepRetries];
