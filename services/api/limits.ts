import { eventStreamLimits, followerLimits, sourceLimits } from '@pointsman/protocol/limits';

/**
 * The limits of this process: its sockets, threads and memory, in bytes and milliseconds. Limits that other processes rely on are in
 * core/limits/.
 */

const KiB = 1024;
const MiB = 1024 * KiB;
const second = 1_000;
const minute = 60 * second;

/** The maximum number of readers that can wait at the same time in one process. */
const WAITERS = 10_000;

/** Limits of the sockets. A client that sends one byte per second must not hold resources for long. */
export const socketLimits = {
  /** The time limit until the last byte of the headers has arrived. Headers usually fit into one packet. */
  headersTimeoutMs: 15 * second,
  /** The time limit until the last byte of the body has arrived: 48 MiB at 1.3 Mbit/s. Node then responds with 408. */
  requestTimeoutMs: 5 * minute,
  /** The interval between two checks for slow requests. */
  checkMs: 5 * second,
  /** How long an idle connection stays open. It exceeds the 60 s of common proxies, so that they close it first and never receive a reset. */
  keepAliveMs: 65 * second,
  /** The maximum size of all headers of one request: enough for a token of 8 KiB and a trace state. */
  headerBytes: 16 * KiB,
  /**
   * The maximum number of headers of one request. Browsers and proxies send about 30. Each header takes up to 100 bytes of memory in addition to
   * its text. Above the limit, Node responds with 431.
   */
  headersCount: 100,
  /**
   * How long an event stream may make no progress: more than two heartbeat intervals. A reader that reaches this limit is gone or does not read.
   * It can reconnect with its last event ID.
   */
  streamSilenceMs: 40 * second,
  /** How long any other response may make no progress. */
  responseSilenceMs: 30 * second,
  /** The interval between two checks for idle connections during shutdown. */
  drainCheckMs: 100,
  /** The maximum number of open connections: one for every reader that may wait, and a fifth as many for short requests. */
  connections: WAITERS + 2_000,
  /**
   * The maximum number of pipelined requests per connection, including the one that is being handled. Clients rarely send more at the same time.
   * The response to the last one closes the connection.
   */
  pipelined: 16,
  /** The maximum number of further requests that are read and discarded before the connection is destroyed. Until then, each costs 2 KiB and its head. */
  pipelinedPast: 16,
  /**
   * The maximum size of the heads of all waiting requests on one connection. The same limit applies again to the discarded requests after them.
   * 15 typical heads take 17 KiB. A waiting request has no body, so a connection holds about 120 KiB of requests, including the one that is being
   * handled.
   */
  pipelinedHeadBytes: 24 * KiB,
  /**
   * How much of a body Node buffers before it stops reading, in addition to the 64 KiB that it reads at a time. An unread body takes 64 KiB. A
   * body that was refused during its upload takes 128 KiB until the response was sent. Node's default of 64 KiB would double both.
   */
  bufferBytes: 16 * KiB,
  /** The maximum number of connections that the kernel queues while the event loop is busy. */
  backlog: 1_024,
} as const;

/** The type of {@link socketLimits}, so that tests can use other values. */
export type SocketLimits = { readonly [limit in keyof typeof socketLimits]: number };

/**
 * The shares of the {@link socketLimits.connections}. One network can have at most 4,500 connections, and one address 1,687. With a limit by
 * address only, the 256 addresses of one IPv4 network, or the 65,536 /64 prefixes of one IPv6 /48, could use all of them.
 */
export const connectionLevels = [
  /** The share of a network: an IPv4 /24 or an IPv6 /48. 150 networks are always guaranteed 20 connections each. */
  { minimum: 20, reserved: 0.25 },
  /** The share of an address in its network: an IPv4 address or an IPv6 /64. 56 addresses are guaranteed 20 of the 4,500 connections each. */
  { minimum: 20, reserved: 0.25 },
] as const;

/** The minimum rate of a request body. A stalled sender occupies memory, a slot and a connection that others need. */
export const bodyPace = {
  /** The interval between two checks. The first check is ten seconds after reading began. A lost packet is resent within a few seconds. */
  windowMs: 10 * second,
  /** The number of bytes that must arrive in each interval until the body is complete: 16 KiB/s. The whole request has a separate time limit. */
  bytes: 160 * KiB,
  /** A check that is later than this does not count, because this process was busy and has not read the data. */
  lateMs: second,
} as const;

/** The shares of memory for request bodies that contain a source or a blob. A body counts from its first byte until it was stored. */
export const bodyShares = {
  /** Enough for five bodies of the largest size, or for thousands of typical size. One tenant can hold at most 96 MiB, and two 144 MiB. */
  capacity: 256 * MiB,
  /** The share of a tenant. 64 tenants are always guaranteed 1 MiB each, the size of a typical source. */
  levels: [{ minimum: MiB, reserved: 0.25 }],
} as const;

/**
 * The shares of memory for hook deliveries. The signature covers the whole body, so a sender can only be authenticated after the body has
 * arrived. The source address, the tenant and the hook therefore each have a share. Bodies for unknown hooks have separate shares and are not
 * kept.
 */
export const deliveryShares = {
  /** A single hook can receive the largest delivery. Its share is 4.5 MiB, of 9 MiB for its tenant and 24 MiB for the sender's address. */
  capacity: 64 * MiB,
  levels: [
    /** The share of a source address. All senders behind a proxy count as one. 64 further addresses are guaranteed 256 KiB each. */
    { minimum: 256 * KiB, reserved: 0.25 },
    /** The share of a tenant within an address. A typical push has 10 to 30 KiB. 96 further tenants can each receive two of them. */
    { minimum: 64 * KiB, reserved: 0.25 },
    /** The share of a hook within its tenant. */
    { minimum: 64 * KiB, reserved: 0 },
  ],
} as const;

/** The shares of slots for waiting readers: long-polls, and streams of pointers, releases and feeds together. */
export const waitingShares = {
  /** One tenant can have at most 3,750 slots, and one token 1,406. */
  capacity: WAITERS,
  levels: [
    /** The share of a tenant. All platform tokens together count as one tenant. 125 tenants are always guaranteed 20 slots each. */
    { minimum: 20, reserved: 0.25 },
    /** The share of a token within its tenant. */
    { minimum: 5, reserved: 0.25 },
  ],
} as const;

/** The shares of memory for responses that readers have not received yet, including the events of streams. */
export const responseShares = {
  /** One tenant can have at most 96 MiB, and one token 36 MiB. That is enough for 36 readers of large content that have stopped reading. */
  capacity: 256 * MiB,
  levels: [
    /** The share of a tenant. 32 tenants are always guaranteed enough for two large contents. */
    { minimum: 2 * MiB, reserved: 0.25 },
    /** The share of a token, or of a source address for requests without a token. */
    { minimum: MiB, reserved: 0.25 },
  ],
} as const;

export const responseLimits = {
  /** The size of the slices in which content is read from the database and kept in memory. */
  sliceBytes: 512 * KiB,
  /** The number of slices of one response in memory: one that is being sent, and one that is read before the headers are sent. */
  slices: 2,
  /**
   * A response up to this size is not counted, and neither are the first bytes of a stream up to this size, because the kernel's buffers usually
   * accept all of it immediately. A connection has one response in memory, so the uncounted responses of all {@link socketLimits.connections}
   * take at most 188 MiB.
   */
  uncountedBytes: 16 * KiB,
  /**
   * The amount that must be free in a token's share before its request changes anything, because the response cannot be refused afterwards. The
   * largest responses are a policy of 64 KiB and a report of `documentLimits.reportChars`, encoded as JSON in UTF-8.
   */
  changeBytes: 256 * KiB,
  /** The assumed size of a response body without a Content-Length. No endpoint returns such a body now; the limit covers a future one. */
  undeclaredBytes: MiB,
} as const;

/** Limits for reading published sources. */
export const sourceBodyLimits = {
  /** The number of threads that unpack and hash. One is enough, because the compiler already uses two cores of a small machine. */
  threads: 1,
  /** The maximum number of bodies per tenant that are read at the same time. */
  perTenant: 1,
  /** The maximum number of bodies in the queue. */
  queued: 256,
  /** The maximum number of bodies per tenant in the queue. Four tenants together cannot fill the queue. */
  queuedPerTenant: 50,
  /** The heap limit of the thread. 48 MiB of JSON take up to 96 MiB as text, and the same again as strings. File contents are not on the heap. */
  heapMiB: 512,
  /**
   * The time limit for one body, from when the thread begins to read it. The thread is then terminated. The largest body takes less than two
   * seconds, or three to four while other processes use both cores. All other bodies in the lane wait during that time.
   */
  timeoutMs: 10 * second,
  /** JSON bodies up to this size are read in a separate thread and never wait behind an archive. Reading one takes about ten milliseconds. */
  smallJsonBytes: MiB,
  /** The maximum nesting depth of a request's JSON, because the parser needs memory for each level. The deepest valid request has 3 levels. */
  jsonDepth: 32,
  /** The maximum number of values in the JSON of a publish. Each file has 3 values. The JSON is parsed in a thread. */
  jsonValues: 4 * sourceLimits.files,
  /** The maximum number of reported problems per body. */
  problems: 100,
} as const;

/** Limits of the thread for small JSON bodies. */
export const smallBodyThread = {
  ...sourceBodyLimits,
  /** A megabyte of JSON, with its strings and files, takes about ten megabytes. */
  heapMiB: 128,
} as const;

/** Limits for watching the database on behalf of waiting readers. */
export const watchLimits = {
  /**
   * The average interval between two reloads of everything that a tenant's readers follow. Each actual interval is
   * 0.5 to 1.5 times this value. PostgreSQL sends a notification when a change commits. A notification can be lost
   * when a proxy drops the connection, and the next reload then finds the change.
   */
  recheckMs: 20 * second,
  /** The maximum number of releases per load. Loading 20 takes a few milliseconds, and their diagnostics take at most 8 MB. */
  releasesPerLoad: 20,
  /** The maximum number of pointers per load. Each takes a few hundred bytes. */
  pointersPerLoad: 200,
  /** The average delay after a failed load: from 0.5 to 1.5 times this, so that not all processes load at the same time after an outage. */
  retryMs: 2 * second,
  /**
   * The number of consecutive failures before waiting readers get an error. With {@link watchLimits.retryMs} between attempts, this covers a
   * restart of the database.
   */
  failures: 5,
  /**
   * The number of followers that are notified before the event loop serves other requests. Writing an event of 200 KB to its socket takes a few
   * tenths of a millisecond. With 1,400 streams of one release, the event loop was blocked for at most 66 ms at a time.
   */
  notifiedPerTurn: 16,
} as const;

/** Limits of database reads that concurrent requests share. */
export const sharedReadLimits = {
  /** How long a request waits for another request's read: a hundred times the typical duration. A read that hangs delays only these requests. */
  patienceMs: 100,
} as const;

/** Limits of server-sent event streams. */
export const streamLimits = {
  heartbeatMs: eventStreamLimits.heartbeatMs,
  /** The maximum duration of one stream. A release that waits for people takes days; its reader reconnects with Last-Event-ID. */
  lifetimeMs: 30 * minute,
} as const;

/** The rate limit for the acknowledgements of one follower. Each API process counts separately. */
export const acknowledgementRate = {
  perMinute: followerLimits.acknowledgementsPerMinute,
  /** Enough for two full channels; about 3 MB of memory. */
  remembered: 2 * followerLimits.perChannel,
} as const;

/** The rate limit for the acknowledgements of one token, over all of its followers. */
export const tokenAcknowledgementRate = {
  perMinute: followerLimits.acknowledgementsPerTokenMinute,
  /** The maximum number of tokens whose rates are kept; about 1.5 MB. Only a sender with more tokens than this can exceed the rate limit. */
  remembered: 10_000,
} as const;

/** Limits for reading the feed of a tenant. */
export const feedLimits = {
  /** The maximum number of recent moves in memory for all readers of a feed, about 200 KiB. A reader that is further behind reads from the database. */
  tailMoves: 256,
  /**
   * The number of moves per read for such a reader. If it reads slowly, that many moves may wait in memory for it: 70 KiB, which count against
   * its share of responses.
   */
  lagMoves: 100,
} as const;

/** Limits for probing the stores and the worker for /readyz. */
export const probeLimits = {
  /** The time limit of one probe. A healthy store responds within milliseconds. */
  timeoutMs: 2 * second,
  /** All requests within this time share one probe, so that frequent probing does not load the stores. */
  cacheMs: second,
  /** The interval between two pings of a worker that does not respond, because each unanswered ping stays queued in Restate. */
  pingMs: minute,
} as const;

/** Limits for the database queries of /metrics. */
export const metricsLimits = {
  /** All scrapes within this time share one count. The typical scrape interval is 15 s. */
  linesMs: 5 * second,
} as const;

/** A failed call to Restate is retried for {@link httpLimits.ingressTimeoutMs}, each time with the same idempotency key. */
export const ingressRetry = {
  maxAttempts: 6,
  initialInterval: 100,
  maxInterval: 2 * second,
  exponentiationFactor: 2,
} as const;
