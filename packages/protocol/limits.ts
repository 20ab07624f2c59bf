/**
 * The limits that servers and clients share, with the reason for each. Limits that only apply to the server
 * are in core/limits. Sizes are bytes, times are milliseconds.
 */

const KiB = 1024;
const MiB = 1024 * KiB;
const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;

/**
 * Limits of the source of one publish. They allow for configuration that people write as text, not for large
 * assets.
 */
export const sourceLimits = {
  /**
   * The whole request body. The limit is larger than the limit of all files, because JSON escapes and base64
   * need more space.
   */
  bodyBytes: 48 * MiB,
  /** All files together, unpacked. A worker holds several copies of them in memory while it compiles. */
  totalBytes: 32 * MiB,
  /**
   * One file of a source. A document of this size takes about a second to parse. Larger assets belong in an
   * object store.
   */
  fileBytes: 8 * MiB,
  /** Files in a source: five times the largest bundle that the benchmarks compile. */
  files: 10_000,
} as const;

/** Limits of the output of a compilation. */
export const artifactLimits = {
  /**
   * The files and the index of one artifact: twice the largest source, because the canonical form of a
   * document may be longer than its text. Followers reject a larger artifact, so the compiler must not
   * produce one.
   */
  bytes: 64 * MiB,
  /**
   * All distinct blobs of one compiled source. This is enough for the artifact of the largest source plus
   * half as much for channels that patch it, or for the manifests of 16 channels with the maximum number of
   * files. The API and the worker each hold two copies in memory.
   */
  madeBytes: 96 * MiB,
  /**
   * The number of patched documents in all channels together, for example 2,000 documents in ten channels.
   * Each of them is compiled, even if its patch does not change it.
   */
  patchedDocuments: 20_000,
} as const;

/** Limits of parsing a document of a source. */
export const documentLimits = {
  /**
   * The nesting depth of maps and lists. A recursive parser overflows the stack at a depth of some thousands.
   * People use fewer than 20 levels.
   */
  depth: 200,
  /**
   * The number of nodes to which aliases may expand in one YAML document. The "billion laughs" attack needs
   * 10^9.
   */
  aliasNodes: 100_000,
  /** The maximum number of characters to which aliases may expand in one YAML document: the size limit of a file. */
  aliasChars: sourceLimits.fileBytes,
  /**
   * The number of problems reported for one source. More would not help the author, who fixes the first ones
   * and publishes again.
   */
  diagnostics: 200,
  /**
   * The length of each text of one problem. Texts contain names from the source, so a name of a megabyte
   * could be repeated in two hundred problems.
   */
  textChars: 2_000,
  /** The maximum length of a name that a problem quotes, such as a key. More would not help the author to find it. */
  nameChars: 200,
  /**
   * The total length of all problems of one source or request body. Two hundred typical problems have 30,000
   * characters. A compile process sends them to a process that serves all tenants, and the database stores
   * them.
   */
  reportChars: 36 * KiB,
} as const;

/**
 * Limits of the error message for a document that a schema rejects. The sender of the document determines the
 * number of issues.
 */
export const issueLimits = {
  /** The maximum number of issues in one message. After fixing the first three, the author sees the next ones. */
  shown: 3,
  /**
   * The length of each issue, including its path. A quoted name could otherwise be as long as the document.
   */
  chars: 300,
} as const;

/** Limits of the manifest of an artifact from an outside compiler. */
export const manifestLimits = {
  /**
   * The size of a manifest: the limit that registries use (OCI distribution-spec 1.1, "Pushing Manifests").
   * The API parses it as a whole.
   */
  bytes: 4 * MiB,
  /** The maximum number of files: the limit of a source. Followers do not accept more either. */
  layers: sourceLimits.files,
  /**
   * The number of JSON values in the document. A layer has five values, which leaves about ten for its
   * annotations. Parsing this many values takes about 20 ms.
   */
  values: 16 * sourceLimits.files,
  /** The maximum length of a media type (RFC 6838, section 4.2), including its parameters. */
  mediaTypeChars: 255,
} as const;

/** Limits of requests to the HTTP API that a client must know. */
export const requestLimits = {
  /** The maximum size of a JSON body other than a publish, which contains only names, numbers and a sentence. */
  jsonBodyBytes: 64 * KiB,
  /** The maximum number of rows on one page of a list. */
  pageSize: 1_000,
  defaultPageSize: 100,
  /**
   * The longest wait of a long-poll: less than the 60 s after which common proxies close an idle connection.
   */
  waitMs: 55 * second,
  /** The `Retry-After` of 503 and 429, in seconds (RFC 9110, section 10.2.3). */
  retryAfterSeconds: 2,
  /** The maximum length of an Idempotency-Key in characters. */
  idempotencyKeyChars: 255,
  /** The maximum length of free text in characters, such as a message or a reason. */
  textChars: 1_000,
  /** The maximum length of a URL in a policy, a webhook or a report: the length that common servers accept. */
  urlChars: 2_000,
  /** How far ahead a release may be scheduled. */
  scheduleMs: 90 * 24 * 60 * minute,
  /**
   * The number of channels of one bundle. Channels are for deployment stages, not for branches. All channels
   * of a bundle are stored as one value of durable state.
   */
  channelsPerBundle: 100,
} as const;

/** Limits of the settings of a hook. */
export const hookSettingLimits = {
  /**
   * The maximum length of a repository path, a ref pattern or a folder. The Git providers and Git have the same
   * limit for names.
   */
  nameChars: 255,
  /**
   * The minimum and the maximum length of a shared secret. A shorter secret could be guessed. GitHub rejects a
   * longer one.
   */
  minSecretChars: 16,
  maxSecretChars: 255,
  /** The maximum length of an API token: several times the length of the tokens of GitHub and GitLab. */
  tokenChars: 1_024,
} as const;

/** Limits of a tenant's feed and of the streams that copy it. */
export const feedLimits = {
  /**
   * How long moves stay readable, so that a reader can resume. A reader that was disconnected for longer
   * fetches the current pointers instead. The feed, replays and Redis streams all use this duration, so that
   * they contain the same moves.
   */
  retentionMs: 7 * day,
  /**
   * The number of partitions of the shared streams. Tenants are assigned by a hash. Changing this number
   * would break the order of moves that are still in the streams.
   */
  partitions: 16,
  /**
   * The number of entries in one Redis stream, whatever their age: about 40 MB. Above this limit, the oldest
   * entries are dropped, and a reader that has missed them detects the gap.
   */
  streamEntries: 50_000,
} as const;

/** Limits of the API's event streams. */
export const eventStreamLimits = {
  /** The interval between two heartbeat comments in a stream. Proxies usually close a stream that is silent for 60 s. */
  heartbeatMs: 15 * second,
  /** A stream without any data for this long counts as dead: four heartbeats are missing. */
  silenceMs: 65 * second,
} as const;

/** Limits of one event of the feed. */
export const eventLimits = {
  /** The maximum length of an event in characters: ten times the length of an event with the longest names. */
  chars: 16_384,
} as const;

/** Limits of followers, the runtimes that follow a pointer. */
export const followerLimits = {
  /** The maximum number of followers of one channel. */
  perChannel: 10_000,
  /** The interval of a follower's heartbeats while no pointer moves. */
  heartbeatMs: 30 * second,
  /**
   * A follower without a heartbeat for this long counts as lost. This is three and a half intervals, so that
   * one or two missed heartbeats do not matter.
   */
  lostMs: 105 * second,
  /** A follower without a heartbeat for this long is removed. */
  forgottenMs: 24 * hour,
  /**
   * The number of acknowledgements of one follower per minute: its heartbeats, and one for each move even if
   * the pointer moves very often.
   */
  acknowledgementsPerMinute: 120,
  /**
   * The number of acknowledgements per minute of all followers that share a token. For a full channel, this
   * allows two heartbeats of each follower, and two acknowledgements of a pointer that moves once a minute.
   */
  acknowledgementsPerTokenMinute: 40_000,
  /** The maximum size of one artifact that a follower accepts: the largest that the compiler may produce. */
  artifactBytes: artifactLimits.bytes,
} as const;

/** Limits of signed webhooks. */
export const signatureLimits = {
  /** The maximum length of a secret in bytes (Standard Webhooks, "Signature scheme"). */
  minSecretBytes: 24,
  maxSecretBytes: 64,
  /** The length of a generated secret in bytes: the digest length of its HMAC. */
  madeSecretBytes: 32,
  /**
   * The largest accepted clock difference, in either direction (suggested by Standard Webhooks, and used by
   * its libraries).
   */
  toleranceMs: 300 * second,
  /**
   * The number of signatures that are checked per request. During a rotation, a sender signs with two
   * secrets, and a future version of the scheme would add two more.
   */
  signatures: 8,
} as const;

/** Limits of the findings that the server and `pointsman doctor` report. */
export const findingLimits = {
  /**
   * A release or delivery that is in flight for longer than this without waiting for anything is reported,
   * because its stages take only seconds.
   */
  oldReleaseMs: minute,
} as const;
