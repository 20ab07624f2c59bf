import { sourceLimits, followerLimits } from '@pointsman/protocol/limits';

/**
 * Limits of this process: its sockets, threads and memory. Limits that clients and other processes rely on are in core/limits/.
 * Sizes are bytes, times are milliseconds.
 */

const KiB = 1024;
const MiB = 1024 * KiB;
const second = 1_000;
const minute = 60 * second;

/** Readers that may wait at the same time in one process. */
const WAITERS = 10_000;

/** The socket. A client that sends one byte a second must not hold anything for long. */
export const socketLimits = {
  /** Time until the last header byte. Headers fit into one packet. */
  headersTimeoutMs: 15 * second,
  /** Time until the last body byte: 48 MiB at 1.3 Mbit/s. After this, Node answers 408. */
  requestTimeoutMs: 5 * minute,
  /** The wait between two checks for slow requests. */
  checkMs: 5 * second,
  /** How long an idle connection is kept: longer than the 60 s of common proxies, so that they close it first and never see a reset. */
  keepAliveMs: 65 * second,
  /** All headers of one request: enough for a token of 8 KiB and a trace state. */
  headerBytes: 16 * KiB,
  /** Headers of one request: browsers and proxies send some 30. Each takes up to 100 bytes of memory besides its text. Node answers 431 past it. */
  headersCount: 100,
  /**
   * How long an event stream may make no progress: two heartbeat comments. Such a reader is gone or does not read, and reconnects with its
   * last event id.
   */
  streamSilenceMs: 40 * second,
  /** The same for any other response. */
  responseSilenceMs: 30 * second,
  /** The wait between two checks for idle connections during shutdown. */
  drainCheckMs: 100,
  /** Open connections: every reader that may wait, and a fifth as many for short requests. */
  connections: WAITERS + 2_000,
  /**
   * Pipelined requests of one connection, including the one being handled: as many as clients usually send together. The response to the
   * last one closes the connection.
   */
  pipelined: 16,
  /** Further requests, which are read but not handled, before the connection is closed: each costs 2 KiB and its head until then. */
  pipelinedPast: 16,
  /**
   * Heads in memory of the waiting requests of one connection, and as much again of those past them: 15 usual ones are 17 KiB. A waiting
   * request has no body, so with the request being handled a connection holds some 120 KiB of requests.
   */
  pipelinedHeadBytes: 24 * KiB,
  /**
   * What Node buffers of a body before it stops reading, in addition to the 64 KiB that it reads in one go. An unread body takes 64 KiB.
   * A body that was refused during its upload takes 128 KiB until the response was sent. With Node's default of 64 KiB both would be twice as much.
   */
  bufferBytes: 16 * KiB,
  /** Connections that the kernel may hold while the event loop is busy. */
  backlog: 1_024,
} as const;

/** {@link socketLimits}, or others. */
export type SocketLimits = { readonly [limit in keyof typeof socketLimits]: number };

/**
 * Connections of {@link socketLimits.connections}. One network can have at most 4,500, and one address 1,687. By address alone, the 256
 * addresses of one IPv4 network, or the 65,536 of one IPv6 network, could take all of them.
 */
export const connectionLevels = [
  /** By network: an IPv4 /24, an IPv6 /48. 150 networks always get 20. */
  { minimum: 20, reserved: 0.25 },
  /** By address in the network: an IPv4 address, an IPv6 /64. 56 addresses get 20 of the 4,500. */
  { minimum: 20, reserved: 0.25 },
] as const;

/** The minimum rate of a request body. A stalled sender occupies memory, a slot and a connection that others need. */
export const bodyPace = {
  /** The time between two checks. The first is ten seconds after reading began: a lost packet is resent within a few. */
  windowMs: 10 * second,
  /** What must arrive in each window unless the body is complete: 16 KiB a second. The whole request has its own limit. */
  bytes: 160 * KiB,
  /** A check that is later than this does not count: this process was busy and has not read the data. */
  lateMs: second,
} as const;

/** Bytes of bodies with a source or a blob that are held at the same time, from the first byte until they are stored. */
export const bodyShares = {
  /** Five of the largest bodies, or thousands of usual ones. One tenant has at most 96 MiB, two have 144 MiB. */
  capacity: 256 * MiB,
  /** By tenant. 64 tenants always get 1 MiB, a usual source. */
  levels: [{ minimum: MiB, reserved: 0.25 }],
} as const;

/**
 * Bytes of hook deliveries that are held at the same time. A sender is only authenticated by a signature over the whole body. So an address, a
 * tenant and a hook each have a share. Bodies for unknown hooks have their own shares and are not kept.
 */
export const deliveryShares = {
  /** A single hook can receive a delivery of the largest size: 4.5 MiB of the 9 of its tenant, of the 24 of the sender's address. */
  capacity: 64 * MiB,
  levels: [
    /** By source address: all senders behind a proxy count as one. 64 further addresses get 256 KiB. */
    { minimum: 256 * KiB, reserved: 0.25 },
    /** By tenant. A push is usually 10 to 30 KiB: 96 further tenants of one address get two such. */
    { minimum: 64 * KiB, reserved: 0.25 },
    /** By hook. */
    { minimum: 64 * KiB, reserved: 0 },
  ],
} as const;

/** Places of waiting readers: long-polls, and streams of pointers, releases and feeds together. */
export const waitingShares = {
  /** One tenant has at most 3,750, and one token 1,406. */
  capacity: WAITERS,
  levels: [
    /** By the tenant of the token; the platform's tokens count as one. 125 tenants always get 20. */
    { minimum: 20, reserved: 0.25 },
    /** By token. */
    { minimum: 5, reserved: 0.25 },
  ],
} as const;

/** Bytes of responses that are in memory because their readers have not taken them yet, the events of streams included. */
export const responseShares = {
  /** One tenant has at most 96 MiB, and one token 36 MiB: 36 readers of large content that do not read. */
  capacity: 256 * MiB,
  levels: [
    /** By the tenant of the token. 32 tenants always get two large contents. */
    { minimum: 2 * MiB, reserved: 0.25 },
    /** By token; without one, by source address. */
    { minimum: MiB, reserved: 0.25 },
  ],
} as const;

export const responseLimits = {
  /** Content is read from the record, and held, in slices of this size. */
  sliceBytes: 512 * KiB,
  /** Slices of one response in memory: one being sent, and one read ahead of the headers. */
  slices: 2,
  /**
   * A response up to this size is not counted, and neither is this much of a stream's events: the kernel's buffers usually take all of it immediately.
   * A connection has one response in memory, so uncounted responses are at most 188 MiB with all {@link socketLimits.connections}.
   */
  uncountedBytes: 16 * KiB,
  /**
   * Must be free in a token's share before its request changes anything: the response cannot be refused afterwards. The largest are a
   * policy of 64 KiB and a report of `documentLimits.reportChars`, in the characters of JSON and UTF-8.
   */
  changeBytes: 256 * KiB,
  /** The assumed size of a body in memory without a Content-Length. No endpoint returns one; the limit does not rely on that. */
  undeclaredBytes: MiB,
} as const;

/** Reading published sources. */
export const sourceBodyLimits = {
  /** Threads that unpack and hash: one, because the compiler already uses two of a small machine's cores. */
  threads: 1,
  /** Bodies of one tenant at a time. */
  perTenant: 1,
  /** Bodies in the queue. */
  queued: 256,
  /** Bodies of one tenant in the queue: neither one tenant nor four of them can fill it. */
  queuedPerTenant: 50,
  /** Heap of that thread: 48 MiB of JSON are at most 96 MiB of text and as much again in strings. Contents are not on the heap. */
  heapMiB: 512,
  /**
   * The time for one body, from when the thread begins to read it. After this the thread is terminated. The largest body takes less than two
   * seconds, and three to four while other processes use both cores. All other bodies in the lane wait until then.
   */
  timeoutMs: 10 * second,
  /** JSON bodies up to this size have their own thread and never wait behind an archive: they take some ten milliseconds. */
  smallJsonBytes: MiB,
  /** Nesting of a request's JSON. The deepest valid request has 3; the engine's parser needs memory for each level. */
  jsonDepth: 32,
  /** Values of a publish's JSON: each of its files has 3. They are parsed in a thread. */
  jsonValues: 4 * sourceLimits.files,
  /** Problems of one body that are reported. */
  problems: 100,
} as const;

/** The lane of small JSON bodies. */
export const smallBodyThread = {
  ...sourceBodyLimits,
  /** A megabyte of JSON, its texts and its files are some ten megabytes. */
  heapMiB: 128,
} as const;

/** Parts of the record that readers wait for. */
export const watchLimits = {
  /**
   * The record notifies of changes in the transaction that makes them. A notification may be lost with the connection of a proxy in
   * between. So everything that a tenant's readers follow is also reloaded after 0.5 to 1.5 times this.
   */
  recheckMs: 20 * second,
  /** Releases of one load. A load of 20 takes some milliseconds, and its diagnostics are at most 8 MB. */
  releasesPerLoad: 20,
  /** Pointers of one load: each is some hundred bytes. */
  pointersPerLoad: 200,
  /** The wait after a failed load: from 0.5 to 1.5 times this, so that processes do not all load at the same time when the store is back. */
  retryMs: 2 * second,
  /** Consecutive failures before waiting readers get an error: {@link watchLimits.retryMs} apart, a restart of the database. */
  failures: 5,
  /**
   * Followers that are notified before the event loop turns to other requests. To hand one event of 200 KB to its socket takes some tenths of
   * a millisecond: with 1,400 streams of one release the event loop was busy for at most 66 ms at a time.
   */
  notifiedPerTurn: 16,
} as const;

/** Reads of the record that concurrent requests share. */
export const sharedReadLimits = {
  /**
   * How long a request waits for another request's read: a hundred times the usual duration. A read that hangs only delays those who share
   * it.
   */
  patienceMs: 100,
} as const;

/** Streams of server-sent events. */
export const streamLimits = {
  /** The interval of heartbeat comments: below the usual 60 s after which proxies close a silent stream. */
  heartbeatMs: 15 * second,
  /** How long one stream may last. A release that waits for people takes days; its reader reconnects with Last-Event-ID. */
  lifetimeMs: 30 * minute,
} as const;

/** Acknowledgements of one follower. Each process counts those that it receives itself. */
export const acknowledgementRate = {
  perMinute: followerLimits.acknowledgementsPerMinute,
  /** Two full channels: 3 MB. */
  remembered: 2 * followerLimits.perChannel,
} as const;

/** Acknowledgements of one token, for any followers. */
export const tokenAcknowledgementRate = {
  perMinute: followerLimits.acknowledgementsPerTokenMinute,
  /** Tokens that acknowledge: 1.5 MB. Only a sender with more tokens than that can exceed the limit. */
  remembered: 10_000,
} as const;

/** A tenant's feed that has readers. */
export const feedLimits = {
  /** Its last moves are kept in memory for all of its readers, about 200 KiB; a reader further behind reads from the record. */
  tailMoves: 256,
  /** Moves of one such read. As many may wait in memory for one reader that is slow: 70 KiB, which its share of responses counts. */
  lagMoves: 100,
} as const;

/** Probing the stores and the worker for /readyz. */
export const probeLimits = {
  /** A healthy store responds within milliseconds. */
  timeoutMs: 2 * second,
  /** All requests within this time share one probe, so that probing does not become a load. */
  cacheMs: second,
  /** Time between two pings of a worker that does not respond, because each unanswered ping stays queued in Restate. */
  pingMs: minute,
} as const;

/** Queries of /metrics to the record. */
export const metricsLimits = {
  /** All scrapes within this time share one count; the usual interval is 15 s. */
  linesMs: 5 * second,
} as const;

/** A call into Restate is retried for {@link httpLimits.ingressTimeoutMs}, each time under the same key. */
export const ingressRetry = {
  maxAttempts: 6,
  initialInterval: 100,
  maxInterval: 2 * second,
  exponentiationFactor: 2,
} as const;
