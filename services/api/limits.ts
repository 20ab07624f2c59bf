import { followerLimits } from '../../core/limits/distribution-limits.ts';
import { sourceLimits } from '../../core/limits/limits.ts';

/**
 * Bounds of this process alone: its sockets, its threads, its memory. What clients and other processes rely on stands in
 * core/limits/limits.ts. Sizes are bytes, times are milliseconds.
 */

const KiB = 1024;
const MiB = 1024 * KiB;
const second = 1_000;
const minute = 60 * second;

/** Readers that may wait at once in one process. */
const WAITERS = 10_000;

/** The socket. A client that sends one byte a second must not hold anything for long. */
export const socketLimits = {
  /** Until the last header byte: they fit one packet. */
  headersTimeoutMs: 15 * second,
  /** Until the last body byte: 48 MiB over 1.3 Mbit/s. Node answers 408 past it. */
  requestTimeoutMs: 5 * minute,
  /** Between two looks at what is too slow. */
  checkMs: 5 * second,
  /** How long an idle connection is kept: above the 60 s of common proxies, so that they close it first and never meet a reset. */
  keepAliveMs: 65 * second,
  /** All headers of one request: a token of 8 KiB and a trace state leave room. */
  headerBytes: 16 * KiB,
  /** Headers of one request: browsers and proxies send some 30. Each takes up to 100 bytes of memory besides its text. Node answers 431 past it. */
  headersCount: 100,
  /**
   * How long an event stream may get nothing through to its reader: two of its comments. Such a reader is gone, or does not read; it comes
   * back with what it has seen.
   */
  streamSilenceMs: 40 * second,
  /** The same for any other response. A reader that takes nothing for this long is not reading. */
  responseSilenceMs: 30 * second,
  /** While the process ends: between two looks for connections on which nothing happens any more. */
  drainCheckMs: 100,
  /** Open connections: every reader that may wait, and a fifth as many that come and go. */
  connections: WAITERS + 2_000,
  /**
   * Requests of one connection that may wait to be answered, the one that is handled included: as many as clients that pipeline usually
   * send at once. The response to the last one closes the connection.
   */
  pipelined: 16,
  /** Requests past that, which are read and not handled, before the connection is ended: each costs 2 KiB and its head until then. */
  pipelinedPast: 16,
  /**
   * Heads in memory of the requests of one connection that wait, and as much again of those past them: 15 usual ones are 17 KiB. A request
   * that waits has no body, so with the request that is handled a connection holds some 120 KiB of requests.
   */
  pipelinedHeadBytes: 24 * KiB,
  /**
   * What Node buffers of a body before it stops reading, besides the 64 KiB that it reads at once: a body that nothing reads yet is 64 KiB,
   * and one that was refused while it came is 128 KiB until its response was taken. With Node's own 64 KiB both are twice as much.
   */
  bufferBytes: 16 * KiB,
  /** Connections that the kernel may hold back while the event loop is busy. */
  backlog: 1_024,
} as const;

/** {@link socketLimits}, or others. */
export type SocketLimits = { readonly [limit in keyof typeof socketLimits]: number };

/**
 * Connections of {@link socketLimits.connections}. One network has at most 4,500, and one address 1,687. By address alone, the 256 addresses
 * of one IPv4 network, or the 65,536 of one IPv6 network, could take all of them.
 */
export const connectionLevels = [
  /** By network: an IPv4 /24, an IPv6 /48. 150 networks get 20, whatever greedier ones hold. */
  { minimum: 20, reserved: 0.25 },
  /** By address in it: an IPv4 address, an IPv6 /64. 56 addresses get 20 of the 4,500. */
  { minimum: 20, reserved: 0.25 },
] as const;

/** The slowest that a request's body may come. A sender that stalls holds memory, a place and a connection that others need. */
export const bodyPace = {
  /** Between two checks, the first of which is ten seconds after the reading began: a lost packet is sent again within a few. */
  windowMs: 10 * second,
  /** What must come in each window unless the body is complete: 16 KiB a second. The whole request has a bound of its own. */
  bytes: 160 * KiB,
  /** A check that is later than this counts for nothing: this process was busy, and has not read what came. */
  lateMs: second,
} as const;

/** Bytes of bodies with a source or a blob that are held at once, from the first byte until they are stored. */
export const bodyShares = {
  /** Five of the largest bodies, or thousands of usual ones. One tenant has at most 96 MiB, two have 144 MiB. */
  capacity: 256 * MiB,
  /** By tenant. 64 tenants get a megabyte, which is a usual source, whatever greedier ones hold. */
  levels: [{ minimum: MiB, reserved: 0.25 }],
} as const;

/**
 * Bytes of hook deliveries that are held at once. A sender proves itself only by a signature over the whole body. So an address, a tenant
 * and a hook each have a share, and bodies for unknown hooks have shares of their own and are not kept.
 */
export const deliveryShares = {
  /** So that one hook, alone, may take a delivery of the largest size: 4.5 MiB of the 9 of its tenant, of the 24 of its sender's address. */
  capacity: 64 * MiB,
  levels: [
    /** By source address: all of them are one behind a proxy. 64 further addresses get 256 KiB. */
    { minimum: 256 * KiB, reserved: 0.25 },
    /** By tenant. A push is usually 10 to 30 KiB: 96 further tenants of one address get two such. */
    { minimum: 64 * KiB, reserved: 0.25 },
    /** By hook. */
    { minimum: 64 * KiB, reserved: 0 },
  ],
} as const;

/** Places of those that wait: long-polls, streams of pointers, of releases and of feeds together. */
export const waitingShares = {
  /** One tenant has at most 3,750, and one token 1,406. */
  capacity: WAITERS,
  levels: [
    /** By the tenant of the token; the platform's tokens count as one. 125 tenants get 20, whatever greedier ones hold. */
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
    /** By the tenant of the token. 32 tenants get two large contents, whatever greedier ones hold. */
    { minimum: 2 * MiB, reserved: 0.25 },
    /** By token; where none is needed, by source address. */
    { minimum: MiB, reserved: 0.25 },
  ],
} as const;

export const responseLimits = {
  /** Content is read from the record, and held, in slices of this size. */
  sliceBytes: 512 * KiB,
  /** Slices of one response that may be in memory: one that is being sent, and one that was read ahead of the headers. */
  slices: 2,
  /**
   * A response up to this size is not counted, nor is as much of the events of a stream: the kernel's buffers usually take all of it at once. A connection has one response in
   * memory, so that those which are not counted are at most 188 MiB with all {@link socketLimits.connections}.
   */
  uncountedBytes: 16 * KiB,
  /**
   * What must be free in the share of a token before its request changes anything: the response can't be refused afterwards. The largest
   * are a policy of 64 KiB and a report of `documentLimits.reportChars`, in the characters of JSON and UTF-8.
   */
  changeBytes: 256 * KiB,
  /** What a body in memory counts that does not say its length. No endpoint answers so; the bound does not rely on that. */
  undeclaredBytes: MiB,
} as const;

/** Reading published sources. */
export const sourceBodyLimits = {
  /** Threads that unpack and hash: one, since the compiler already takes two of the small machine's cores. */
  threads: 1,
  /** Bodies of one tenant at a time. */
  perTenant: 1,
  /** Bodies that wait for it. */
  queued: 256,
  /** Of that, one tenant's: so that a tenant alone does not fill the queue, nor four of them. */
  queuedPerTenant: 50,
  /** Heap of that thread: 48 MiB of JSON are at most 96 MiB of text and as much again in strings. Contents are not on the heap. */
  heapMiB: 512,
  /**
   * One body, from when the thread begins with it; past this the thread is ended. The largest takes less than two seconds, whatever is in
   * it, and three to four while others want both cores. Every other body of the lane waits meanwhile.
   */
  timeoutMs: 10 * second,
  /** JSON bodies up to this size have a thread of their own, and never wait behind an archive: it takes some ten milliseconds. */
  smallJsonBytes: MiB,
  /** Nesting of a request's JSON. The deepest that is accepted has 3; the engine's parser needs memory for each level. */
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

/** Things of the record that readers wait for. */
export const watchLimits = {
  /**
   * The record notifies its changes in the transaction that makes them. Without a notification all that a tenant's readers follow is loaded
   * again after half of this to one and a half of it: a notification may be lost with the connection of a proxy in between.
   */
  recheckMs: 20 * second,
  /** Releases of one load. A load of 20 takes some milliseconds, and its diagnostics are at most 8 MB. */
  releasesPerLoad: 20,
  /** Pointers of one load: each is some hundred bytes. */
  pointersPerLoad: 200,
  /** Until the next look after one that failed: half of this to one and a half of it, so that a store that is back is not asked by all at once. */
  retryMs: 2 * second,
  /** Looks in a row that may fail before those who wait are told: {@link watchLimits.retryMs} apart, a restart of the database. */
  failures: 5,
  /**
   * Followers that are woken before the event loop turns to other requests. To hand one event of 200 KB to its socket takes some tenths of
   * a millisecond: with 1,400 streams of one release the event loop was busy for at most 66 ms at a time.
   */
  wokenPerTurn: 16,
} as const;

/** Reads of the record that many ask for at once, and that are made once for all of them. */
export const sharedReadLimits = {
  /** How long anybody waits for somebody else's: a hundred times what one takes. One that hangs is left to those who share it. */
  patienceMs: 100,
} as const;

/** Streams of server-sent events. */
export const streamLimits = {
  /** A comment this often tells proxies and clients that the stream lives: under their usual 60 s of silence. */
  heartbeatMs: 15 * second,
  /** How long one stream may last. A release that waits for people takes days; its reader comes back with Last-Event-ID. */
  lifetimeMs: 30 * minute,
} as const;

/** Acknowledgements of one follower. Each process counts those that it gets itself. */
export const acknowledgementRate = {
  perMinute: followerLimits.acknowledgementsPerMinute,
  /** Two full channels: 3 MB. */
  remembered: 2 * followerLimits.perChannel,
} as const;

/** The same of one token, whatever followers it names. */
export const tokenAcknowledgementRate = {
  perMinute: followerLimits.acknowledgementsPerTokenMinute,
  /** Tokens that acknowledge: 1.5 MB. Only somebody with more tokens than that gets past it. */
  remembered: 10_000,
} as const;

/** The feed of a tenant that somebody reads. */
export const feedLimits = {
  /** Its last moves are kept in memory for all of its readers, about 200 KiB; who is further behind reads from the record. */
  tailMoves: 256,
  /** Moves of one such read. As many may wait in memory for one reader that is slow: 70 KiB, which its share of responses counts. */
  lagMoves: 100,
} as const;

/** Looking at the stores and the worker for /readyz. */
export const probeLimits = {
  /** What is well answers at once. */
  timeoutMs: 2 * second,
  /** One look serves everybody who asks within this time: the question must not become a load. */
  cacheMs: second,
  /** How long a question to a worker that does not answer is left open before it is asked anew: each one waits in Restate. */
  pingMs: minute,
} as const;

/** What /metrics asks of the record. */
export const metricsLimits = {
  /** One count serves all who scrape within this time; the usual interval is 15 s. */
  linesMs: 5 * second,
} as const;

/** A call into Restate is tried again while {@link httpLimits.ingressTimeoutMs} lasts, each time under the same key. */
export const ingressRetry = {
  maxAttempts: 6,
  initialInterval: 100,
  maxInterval: 2 * second,
  exponentiationFactor: 2,
} as const;
