/**
 * The limits that servers and clients have in common, each with its reason. The limits of the server alone
 * are in core/limits. Sizes are bytes, times are milliseconds.
 */

const KiB = 1024;
const MiB = 1024 * KiB;
const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;

/**
 * Limits of the source of one publish. They are meant for configuration that people write as text, and not
 * for large assets.
 */
export const sourceLimits = {
  /**
   * The maximum size of the request body. It is larger than `totalBytes`, because JSON escapes and base64
   * make the files longer.
   */
  bodyBytes: 48 * MiB,
  /**
   * The maximum size of all files together, unpacked. A worker has several copies of them in memory while it
   * compiles.
   */
  totalBytes: 32 * MiB,
  /**
   * The maximum size of one file. A document of this size takes about a second to parse. Larger assets should
   * be in an object store.
   */
  fileBytes: 8 * MiB,
  /**
   * The maximum number of files in one source. It is five times as many as in the largest bundle of the
   * benchmarks.
   */
  files: 10_000,
  /**
   * The maximum number of digests in one request for missing contents. Such a request has 38 KB, which is
   * below the limit for every JSON body.
   */
  digestsPerRequest: 500,
} as const;

/** Limits of the output of a compilation. */
export const artifactLimits = {
  /**
   * The maximum size of one artifact, with its files and its index. It is twice the maximum size of a source,
   * because the canonical form of a document may be longer than its text. The compiler must not produce a
   * larger artifact, because followers reject it.
   */
  bytes: 64 * MiB,
  /**
   * The maximum size of all distinct blobs that are compiled from one source. That is enough for the artifact
   * of the largest source, plus half as much for the channels that patch it. It is also enough for the
   * manifests of 16 channels with the maximum number of files. The API and the worker each have two copies of
   * the blobs in memory.
   */
  madeBytes: 96 * MiB,
  /**
   * The maximum number of patched documents in all channels together. For example, 2,000 documents in ten
   * channels reach it. Each of them is compiled, even if its patch does not change it.
   */
  patchedDocuments: 20_000,
} as const;

/** Limits of parsing one document of a source. */
export const documentLimits = {
  /**
   * The maximum nesting depth of maps and lists. A recursive parser overflows the stack at a depth of several
   * thousand, and people use fewer than 20 levels.
   */
  depth: 200,
  /**
   * The maximum number of nodes to which the aliases of one YAML document may expand. A "billion laughs"
   * attack expands to 10^9.
   */
  aliasNodes: 100_000,
  /**
   * The maximum number of characters to which the aliases of one YAML document may expand. It equals the size
   * limit of a file.
   */
  aliasChars: sourceLimits.fileBytes,
  /**
   * The maximum number of problems that are reported for one source. More would not help its author, who
   * fixes the first ones and publishes again.
   */
  diagnostics: 200,
  /**
   * The maximum length of each text of one problem, in characters. The texts contain names from the source.
   * Without a limit, a name of one megabyte could be repeated in 200 problems.
   */
  textChars: 2_000,
  /**
   * The maximum length of a name, such as a key, that a problem quotes, in characters. More would not help
   * the author to find it.
   */
  nameChars: 200,
  /**
   * The maximum length of all problems of one source or one request body together, in characters. Two hundred
   * typical problems have 30,000 characters. The limit protects the database that stores the problems. It
   * also protects the process that receives them from a compile process, because that process serves all
   * tenants.
   */
  reportChars: 36 * KiB,
} as const;

/**
 * Limits of the error message for a document that a schema rejects. Without them, the sender of the document
 * would determine the length of the message.
 */
export const issueLimits = {
  /**
   * The maximum number of issues in one message. When the author has fixed them, the next message shows the
   * next ones.
   */
  shown: 3,
  /**
   * The maximum length of each issue with its path, in characters. Without a limit, a name that is quoted
   * could be as long as the document.
   */
  chars: 300,
} as const;

/** Limits of the manifest of an artifact that an external compiler uploads. */
export const manifestLimits = {
  /**
   * The maximum size of a manifest. Registries have the same limit (OCI distribution-spec 1.1, "Pushing
   * Manifests"). The API parses a manifest as a whole.
   */
  bytes: 4 * MiB,
  /** The maximum number of files. It equals the limit of a source. Followers do not accept more either. */
  layers: sourceLimits.files,
  /**
   * The maximum number of JSON values in a manifest. Each layer has five values, so about ten per layer are
   * left for annotations. Parsing the maximum takes about 20 ms.
   */
  values: 16 * sourceLimits.files,
  /** The maximum length of a media type with its parameters, in characters (RFC 6838, section 4.2). */
  mediaTypeChars: 255,
} as const;

/** Limits of requests to the HTTP API that clients must know. */
export const requestLimits = {
  /**
   * The maximum size of a JSON request body. It does not apply to a publish. Other bodies contain only names,
   * numbers and a sentence.
   */
  jsonBodyBytes: 64 * KiB,
  /** The maximum number of rows on one page of a list. */
  pageSize: 1_000,
  defaultPageSize: 100,
  /**
   * The maximum time for which the API holds a long-poll. It is less than the 60 s after which common proxies
   * close an idle connection.
   */
  waitMs: 55 * second,
  /** The `Retry-After` of responses with 503 and 429, in seconds (RFC 9110, section 10.2.3). */
  retryAfterSeconds: 2,
  /** The maximum length of an Idempotency-Key, in characters. */
  idempotencyKeyChars: 255,
  /** The maximum length of a free text, such as a message or a reason, in characters. */
  textChars: 1_000,
  /**
   * The maximum length of a URL in a policy, a webhook or a report, in characters. Common servers accept URLs
   * up to this length.
   */
  urlChars: 2_000,
  /** The maximum time from a publish to the scheduled time of its release. */
  scheduleMs: 90 * 24 * 60 * minute,
  /**
   * The maximum number of channels of one bundle. Channels are meant for deployment stages, and not for
   * branches. All channels of a bundle are stored together, as one state value in Restate.
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
   * The time for which moves can be read from the feed. A reader that was disconnected for less can resume. A
   * reader that was disconnected for longer must read the current pointers instead. The Redis streams and
   * replays of a sink have the same limit, so that they contain the same moves.
   */
  retentionMs: 7 * day,
  /**
   * The number of partitions of the shared streams. A hash assigns each tenant to a partition. If this number
   * changed, moves that are still in the streams would get out of order.
   */
  partitions: 16,
  /**
   * The maximum number of entries in one Redis stream, which take about 40 MB. Beyond it the oldest entries
   * are dropped, even if they are recent. A reader that has missed them detects the gap.
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
  /**
   * The maximum length of an event in characters. It is ten times as long as an event with the longest names.
   */
  chars: 16_384,
} as const;

/** Limits of followers. A follower is a runtime that follows a pointer and reports which release it uses. */
export const followerLimits = {
  /** The maximum number of followers of one channel. */
  perChannel: 10_000,
  /** The interval at which a follower sends a heartbeat while its pointer does not move. */
  heartbeatMs: 30 * second,
  /**
   * The time without a heartbeat after which a follower counts as lost. It is three and a half intervals, so
   * that one or two missed heartbeats have no effect.
   */
  lostMs: 105 * second,
  /** The time without a heartbeat after which a follower is deleted from the list. */
  forgottenMs: 24 * hour,
  /**
   * The maximum number of acknowledgements of one follower per minute. A follower sends its heartbeats and
   * one acknowledgement for each move. The limit is high enough even for a pointer that moves very often.
   */
  acknowledgementsPerMinute: 120,
  /**
   * The maximum number of acknowledgements per minute with one token, which many followers may share. In a
   * channel with the maximum number of followers, each of them can send two heartbeats per minute. Each can
   * also send two acknowledgements per minute, if the pointer moves once a minute.
   */
  acknowledgementsPerTokenMinute: 40_000,
  /** The maximum size of an artifact that a follower accepts. The compiler does not produce larger ones. */
  artifactBytes: artifactLimits.bytes,
} as const;

/** Limits of the signatures of webhooks. */
export const signatureLimits = {
  /** The minimum and the maximum length of a secret in bytes (Standard Webhooks, "Signature scheme"). */
  minSecretBytes: 24,
  maxSecretBytes: 64,
  /** The length of a generated secret in bytes. It equals the length of the HMAC. */
  madeSecretBytes: 32,
  /**
   * The maximum difference between the timestamp of a webhook and the receiver's clock, in either direction.
   * Standard Webhooks suggests this value, and its libraries use it.
   */
  toleranceMs: 300 * second,
  /**
   * The maximum number of signatures that are checked per request. While a secret is being replaced, the
   * sender signs with two secrets. A future version of the scheme could double that number.
   */
  signatures: 8,
} as const;

/** Limits of the findings that the server and `pointsman doctor` report. */
export const findingLimits = {
  /**
   * The time in flight after which a release or a hook delivery is reported, if it does not wait for
   * anything. Its stages usually take only seconds.
   */
  oldReleaseMs: minute,
} as const;
