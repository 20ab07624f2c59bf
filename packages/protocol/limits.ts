/** The limits that both sides of a connection know, with their reasons. Limits of the server alone are in core/limits. Sizes are bytes, times are milliseconds. */

const KiB = 1024;
const MiB = 1024 * KiB;
const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;

/** The source of one publish. Configuration is text that people write; a larger bundle is not configuration. */
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

/** What a compilation produces. */
export const artifactLimits = {
  /**
   * One artifact: its files and its index. Twice the largest source, because the canonical form of a document may be longer than its text.
   * Followers refuse a larger one, so the compiler must not make one.
   */
  bytes: 64 * MiB,
  /**
   * All blobs of one compiled source, each once: an artifact of the largest source and half of it again for the channels that patch it, or
   * the manifests of 16 channels with the most files. The API and the worker each hold it in memory twice.
   */
  madeBytes: 96 * MiB,
  /** Documents that the channels patch, all together: 2,000 documents in ten channels. Each is compiled, whether or not its patch changes it. */
  patchedDocuments: 20_000,
} as const;

/** The parsing of a document. */
export const documentLimits = {
  /** Nesting of maps and lists. Recursive descent overflows the stack at some thousands; people write fewer than 20. */
  depth: 200,
  /** Nodes that aliases may expand to in one YAML document: the "billion laughs" attack needs 10^9. */
  aliasNodes: 100_000,
  /** Characters that aliases may expand to in one YAML document: as many as a file may have. */
  aliasChars: sourceLimits.fileBytes,
  /** Problems reported for one source: an author fixes the first of so many before reading on. */
  diagnostics: 200,
  /** Characters of each text of one problem. Names come from the source: a name of a megabyte could be repeated two hundred times. */
  textChars: 2_000,
  /** Characters of a key or another name that a problem quotes. More would not help the author to find it. */
  nameChars: 200,
  /**
   * Characters of all problems of one source or body together. Two hundred usual problems have 30,000. They are sent from a thread or process to a process that serves all
   * tenants, and are recorded.
   */
  reportChars: 36 * KiB,
} as const;

/** The report on a document that a schema has refused. Its sender determines the number of issues. */
export const issueLimits = {
  /** Issues in one text: after fixing the first three, the author sees the next ones. */
  shown: 3,
  /** Characters of each, including its path: a quoted name may be as long as the document. */
  chars: 300,
} as const;

/** The manifest of an artifact from an outside compiler. */
export const manifestLimits = {
  /** A manifest: the size that registries have agreed on (OCI distribution-spec 1.1, "Pushing Manifests"). It is parsed in one piece. */
  bytes: 4 * MiB,
  /** Files: the limit of a source. A follower does not accept more either. */
  layers: sourceLimits.files,
  /** Values of the whole document: a layer has 5 without its annotations, which leaves 10 for them. Parsing so many takes about 20 ms. */
  values: 16 * sourceLimits.files,
  /** A media type (RFC 6838, section 4.2, with room for parameters). */
  mediaTypeChars: 255,
} as const;

/** Requests to the HTTP API, as far as a client must know their limits. */
export const requestLimits = {
  /** A JSON body that is not a publish: names, numbers and a sentence. */
  jsonBodyBytes: 64 * KiB,
  /** Rows of one page of a list. */
  pageSize: 1_000,
  defaultPageSize: 100,
  /** The longest long-poll: below the 60 s after which common proxies cut an idle connection. */
  waitMs: 55 * second,
  /** The `Retry-After` of 503 and 429, in seconds (RFC 9110, section 10.2.3). */
  retryAfterSeconds: 2,
  /** Characters of an Idempotency-Key. */
  idempotencyKeyChars: 255,
  /** Characters of free text: a message, a reason. */
  textChars: 1_000,
  /** A URL in a policy, a webhook or a report: the length that common servers accept. */
  urlChars: 2_000,
  /** How far ahead a release may be scheduled. */
  scheduleMs: 90 * 24 * 60 * minute,
  /** Channels of one bundle: stages of a delivery, not branches. All of them are one value of the tenant's durable state. */
  channelsPerBundle: 100,
} as const;

/** The feed, and its copies. */
export const feedLimits = {
  /**
   * How far back a reader can resume. A reader that was away longer fetches the pointers themselves, which is less work for all. The feed,
   * replays and Redis streams share this window, so that none promises moves that another has dropped.
   */
  retentionMs: 7 * day,
  /** Partitions of the shared streams. Tenants are hashed over them; a change would break the order of moves in progress. */
  partitions: 16,
  /**
   * Entries of one stream in Redis, at any age: about 40 MB. Above that the oldest are dropped, and a reader that misses them detects the
   * gap.
   */
  streamEntries: 50_000,
} as const;

/** One event of the feed. */
export const eventLimits = {
  /** Size of an event of the feed: ten times an event with the longest names. */
  chars: 16_384,
} as const;

/** Runtimes that follow a pointer. */
export const followerLimits = {
  /** Followers of one channel. */
  perChannel: 10_000,
  /** The interval of heartbeats without a move. */
  heartbeatMs: 30 * second,
  /** Silent for this long: three and a half heartbeats, so that one or two lost ones do not matter. */
  lostMs: 105 * second,
  /** Silent for this long: removed. */
  forgottenMs: 24 * hour,
  /** Acknowledgements of one follower, averaged over a minute: heartbeats, and a pointer that moves as fast as it can be followed. */
  acknowledgementsPerMinute: 120,
  /**
   * Acknowledgements of all followers of one token together: for a full channel two heartbeats of each, and two acknowledgements of a
   * pointer that moves once a minute.
   */
  acknowledgementsPerTokenMinute: 40_000,
  /** One artifact in memory and on disk: as large as the compiler may make one. */
  artifactBytes: artifactLimits.bytes,
} as const;

/** Signed webhooks. */
export const signatureLimits = {
  /** Bytes of a secret (Standard Webhooks, "Signature scheme"). */
  minSecretBytes: 24,
  maxSecretBytes: 64,
  /** The length of a generated secret: the digest length of its HMAC. */
  madeSecretBytes: 32,
  /**
   * The largest accepted clock difference, in either direction (suggested by Standard Webhooks, and used by
   * its libraries).
   */
  toleranceMs: 300 * second,
  /**
   * Signatures that are checked per request. Two secrets sign during a rotation, and future versions would
   * add as many.
   */
  signatures: 8,
} as const;

/** What the server and `pointsman doctor` report. */
export const findingLimits = {
  /** A release or a delivery that is in flight for longer, and waits for nothing, is reported: its stages take seconds. */
  oldReleaseMs: minute,
} as const;
