import { followerLimits } from '../../core/distribution-limits.ts';
import { sourceLimits } from '../../core/limits.ts';

/**
 * Bounds of this process alone: its sockets, its threads, its memory. What clients and other processes rely on stands in
 * core/limits.ts. Sizes are bytes, times are milliseconds.
 */

const KiB = 1024;
const MiB = 1024 * KiB;
const second = 1_000;
const minute = 60 * second;

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
  /**
   * How long an event stream may get nothing through to its reader: two of its comments. Such a reader is gone, or does not read; it comes
   * back with what it has seen.
   */
  streamSilenceMs: 40 * second,
  /** While the process ends: between two looks for connections on which nothing happens any more. */
  drainCheckMs: 100,
  /** Open connections: every waiter that core/limits.ts allows, and a fifth as many that come and go. */
  connections: 12_000,
  /** Connections that the kernel may hold back while the event loop is busy. */
  backlog: 1_024,
} as const;

/** Reading published sources. */
export const sourceBodyLimits = {
  /** Bytes of publish bodies held at once, from the first byte until the source is stored: five of the largest, or thousands of usual ones. */
  heldBytes: 256 * MiB,
  /** Of that, one tenant's: half, so that nobody alone keeps the others out. */
  heldBytesOfTenant: 128 * MiB,
  /** Threads that unpack and hash: one, since the compiler already takes two of the small machine's cores. */
  threads: 1,
  /** Bodies that wait for it. */
  queued: 256,
  /** Heap of that thread: 48 MiB of JSON are at most 96 MiB of text and as much again in strings. Contents are not on the heap. */
  heapMiB: 512,
  /** One body. The largest takes two seconds; past this the thread is ended. */
  timeoutMs: 30 * second,
  /** Nesting of a request's JSON. The deepest that is accepted has 3; the engine's parser needs memory for each level. */
  jsonDepth: 32,
  /**
   * Values of a request's JSON: a publish has 3 for each of its files. A callback's 200 diagnostics have 1,200, and everything else a few
   * hundred. Half a megabyte of zeros would be 260,000, each of which a schema refuses with an object of its own.
   */
  jsonValues: 4 * sourceLimits.files,
  /** Problems of one body that are reported. */
  problems: 100,
} as const;

/** Things that somebody waits for. */
export const watchLimits = {
  /** Looks in a row that may fail before those who wait are told: with a look every two seconds, a restart of the database. */
  failures: 5,
} as const;

/** Reads of the record that many ask for at once, and that are made once for all of them. */
export const sharedReadLimits = {
  /** How long anybody waits for somebody else's: a hundred times what one takes. One that hangs is left to those who share it. */
  patienceMs: 100,
} as const;

/** Streams of server-sent events. */
export const streamLimits = {
  /** A release that somebody watches is looked at this often, once for all who watch: its stages take tens of milliseconds. */
  recheckMs: 250,
  /** A comment this often tells proxies and clients that the stream lives: under their usual 60 s of silence. */
  heartbeatMs: 15 * second,
  /** How long one stream may last. A release that waits for people takes days; its reader comes back with Last-Event-ID. */
  lifetimeMs: 30 * minute,
} as const;

/** What followers may say. Each process counts what it hears itself. */
export const acknowledgementRate = {
  perMinute: followerLimits.acknowledgementsPerMinute,
  /** Two full channels: 3 MB. */
  remembered: 2 * followerLimits.perChannel,
} as const;

/** The feed of a tenant that somebody reads. */
export const feedLimits = {
  /** Its last moves are kept in memory for all of its readers, about 200 KiB; who is further behind reads from the record. */
  tailMoves: 256,
  /** Moves of one such read. As many may wait in memory for one reader that is slow: 70 KiB. */
  lagMoves: 100,
} as const;

/** Tokens that a tenant, or the platform, may have at a time: every person, pipeline and runtime has one of its own, and a loop ends. */
export const MOST_TOKENS = 1_000;

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
