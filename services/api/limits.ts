import { eventStreamLimits, followerLimits, sourceLimits } from '@pointsman/protocol/limits';
import { waitingShares } from './access/share-limits.ts';

/**
 * The limits of this process: sockets, threads and memory. Sizes are in bytes, and times are in milliseconds. Limits on which other
 * processes rely are in core/limits/.
 */

const KiB = 1024;
const MiB = 1024 * KiB;
const second = 1_000;
const minute = 60 * second;

/** Limits of the sockets. They prevent a client that sends or reads very slowly from occupying resources for long. */
export const socketLimits = {
  /** The time limit for receiving all headers of a request. Headers usually fit into one packet. */
  headersTimeoutMs: 15 * second,
  /** The time limit for receiving a whole request, after which Node responds with 408. A body of 48 MiB arrives in time at 1.3 Mbit/s. */
  requestTimeoutMs: 5 * minute,
  /** The interval between two checks for requests that have exceeded a time limit. */
  checkMs: 5 * second,
  /**
   * The time after which an idle connection is closed. It exceeds the 60 s after which common proxies close idle connections. The proxy
   * therefore closes the connection first, and never sends a request on a closed connection.
   */
  keepAliveMs: 65 * second,
  /** The maximum total size of the headers of one request. A token of 8 KiB and W3C trace headers fit into it. */
  headerBytes: 16 * KiB,
  /**
   * The maximum number of headers of one request. Node responds with 431 to a request with more. Browsers and proxies send about 30. Each
   * header takes up to 100 bytes of memory in addition to its text.
   */
  headersCount: 100,
  /**
   * The time after which an event stream is closed if its reader accepts no data. It is longer than two heartbeat intervals, so such a
   * reader has disconnected or has stopped reading. The reader can reconnect with its last event ID.
   */
  streamSilenceMs: 40 * second,
  /** The time after which a response that is not an event stream is aborted if the client accepts no data. */
  responseSilenceMs: 30 * second,
  /** The interval between two attempts to close idle connections during shutdown. */
  drainCheckMs: 100,
  /** The maximum number of open connections: one for each allowed long-poll or event stream, and 2,000 for short requests. */
  connections: waitingShares.capacity + 2_000,
  /**
   * The maximum number of pipelined requests per connection, including the request that is being handled. Clients rarely pipeline more. The
   * response to the last of these requests closes the connection.
   */
  pipelined: 16,
  /**
   * The maximum number of requests per connection that are discarded because they exceed {@link socketLimits.pipelined}. One more request
   * destroys the connection. Each discarded request takes 2 KiB of memory in addition to its head.
   */
  pipelinedPast: 16,
  /**
   * The maximum total size of the heads of all waiting requests on one connection. The same limit applies separately to the heads of
   * discarded requests. 15 typical heads take 17 KiB. Waiting requests have no bodies. All requests of a connection therefore take about
   * 120 KiB, including the request that is being handled.
   */
  pipelinedHeadBytes: 24 * KiB,
  /**
   * The number of body bytes that Node buffers before it stops reading from the socket. Node reads 64 KiB at a time, which are added to
   * this number. An unread body takes 64 KiB of memory. A body that is refused during its upload takes 128 KiB until the response has been
   * sent. Node's default of 64 KiB for this setting would double both amounts.
   */
  bufferBytes: 16 * KiB,
  /** The maximum number of new connections that the kernel queues while the event loop is busy. */
  backlog: 1_024,
} as const;

/** The type of {@link socketLimits}. It allows tests to use other values. */
export type SocketLimits = { readonly [limit in keyof typeof socketLimits]: number };

/**
 * The minimum rate at which a request body must arrive. A stalled sender would otherwise occupy memory and a connection that others need.
 */
export const bodyPace = {
  /**
   * The interval between two checks of the rate at which a request body arrives. The first check is one interval after reading began. Lost
   * packets are resent within a few seconds, so they do not cause a refusal.
   */
  windowMs: 10 * second,
  /**
   * The minimum number of bytes of a request body that must arrive in each interval, equal to 16 KiB/s. The time limit of the whole request
   * applies separately.
   */
  bytes: 160 * KiB,
  /**
   * A check of the rate that runs this much too late is ignored, because this process was busy and could not read the data that had
   * arrived.
   */
  lateMs: second,
} as const;

export const responseLimits = {
  /** The size of the slices in which stored content is read from the database and kept in memory. */
  sliceBytes: 512 * KiB,
  /**
   * The maximum number of slices of one response in memory. One is the first slice, which is read before the headers are sent. The other is
   * the slice that is being sent.
   */
  slices: 2,
  /**
   * Responses up to this size are not counted against the shares of memory, because the kernel's buffers usually accept them immediately.
   * For the same reason, the first bytes of a stream are not counted up to this size. Each connection has at most one response in memory.
   * The uncounted responses of all {@link socketLimits.connections} therefore take at most 188 MiB.
   */
  uncountedBytes: 16 * KiB,
  /**
   * The response memory that must be free in a token's share before a request with that token changes anything. After the change, the
   * response can no longer be refused. The largest responses are a policy of 64 KiB and a report of `documentLimits.reportChars`, encoded
   * as JSON in UTF-8.
   */
  changeBytes: 256 * KiB,
  /** The assumed size of a response body without a Content-Length header. No endpoint currently returns such a body. */
  undeclaredBytes: MiB,
} as const;

/** Limits for reading the request bodies that contain published sources. */
export const sourceBodyLimits = {
  /**
   * The number of threads that unpack and hash sources. A second thread would not help on a small machine, where the compiler already uses
   * both cores.
   */
  threads: 1,
  /** The maximum number of source bodies of one tenant that are read at the same time. */
  perTenant: 1,
  /** The maximum number of source bodies in the queue of bodies to read. */
  queued: 256,
  /** The maximum number of source bodies of one tenant in the queue. Even four tenants together cannot fill the queue. */
  queuedPerTenant: 50,
  /**
   * The heap limit of the thread that reads source bodies, in MiB. A JSON body of 48 MiB takes up to 96 MiB as text, and the same again as
   * strings. File contents are not on the heap.
   */
  heapMiB: 512,
  /**
   * The time limit for reading one source body, measured from when a thread begins to read it. After the limit, the thread is terminated.
   * The largest body takes less than two seconds, or up to four seconds while other processes use both cores. All other bodies for the same
   * thread wait during that time.
   */
  timeoutMs: 10 * second,
  /**
   * The maximum size of a JSON body that is read in the separate thread for small bodies, where it never waits behind an archive. Reading
   * such a body takes about ten milliseconds.
   */
  smallJsonBytes: MiB,
  /**
   * The maximum size of a JSON body that is read on the event loop, without a thread. A body with two short files takes 0.02 ms, and the
   * slowest body of this size that was found, with 400 invalid paths, takes 1 ms.
   */
  directJsonBytes: 4 * KiB,
  /** The maximum nesting depth of JSON in a request. The parser needs memory for each level. The deepest valid request has 3 levels. */
  jsonDepth: 32,
  /**
   * The maximum number of JSON values in the body of a publish. Each file has 3 values. A thread parses this JSON, so a large number does
   * not block other requests.
   */
  jsonValues: 4 * sourceLimits.files,
  /** The maximum number of problems that are reported for one request body. */
  problems: 100,
} as const;

/** Limits of the thread that reads small JSON bodies. */
export const smallBodyThread = {
  ...sourceBodyLimits,
  /**
   * The heap limit of the thread for small JSON bodies, in MiB. A JSON body of one megabyte takes about ten megabytes with its strings and
   * files.
   */
  heapMiB: 128,
} as const;

/** Limits for watching the database for changes on behalf of long-polls and event streams. */
export const watchLimits = {
  /**
   * The average interval between two periodic reloads of everything that a tenant's readers follow. Each interval is random, from 0.5 to
   * 1.5 times this value.
   *
   * PostgreSQL sends a notification when a change commits. A notification can be lost when a proxy drops the connection, and the next
   * reload then finds the change.
   */
  recheckMs: 20 * second,
  /**
   * The maximum number of releases per load from the database. Loading 20 takes a few milliseconds, and their diagnostics take at most 8
   * MB.
   */
  releasesPerLoad: 20,
  /** The maximum number of pointers per load from the database. Each takes a few hundred bytes. */
  pointersPerLoad: 200,
  /**
   * The average delay before the next load after a failed load. Each delay is random, from 0.5 to 1.5 times this value, so that not all
   * processes load at the same time after an outage.
   */
  retryMs: 2 * second,
  /**
   * The number of consecutive failed loads after which waiting readers get an error. These attempts, with {@link watchLimits.retryMs}
   * between them, take longer than a restart of the database.
   */
  failures: 5,
  /**
   * The maximum number of followers that are notified before the event loop serves other requests. Writing an event of 200 KB to a socket
   * takes a few tenths of a millisecond. In a test with 1,400 streams of one release, the event loop was blocked for at most 66 ms at a
   * time.
   */
  notifiedPerTurn: 16,
} as const;

export const sharedReadLimits = {
  /**
   * The maximum time that callers wait for a read in progress before the next read starts. It is a hundred times the typical duration of a
   * read. A read that hangs therefore affects only the callers that share it.
   */
  patienceMs: 100,
} as const;

export const streamLimits = {
  heartbeatMs: eventStreamLimits.heartbeatMs,
  /** The maximum duration of one stream. A release that waits for people takes days; its reader reconnects with Last-Event-ID. */
  lifetimeMs: 30 * minute,
} as const;

/** The rate limit for the acknowledgements of one follower. Each API process counts separately. */
export const acknowledgementRate = {
  perMinute: followerLimits.acknowledgementsPerMinute,
  /** The maximum number of followers whose rates are kept in memory. The followers of two full channels fit, and take about 3 MB. */
  remembered: 2 * followerLimits.perChannel,
} as const;

/** The rate limit for the acknowledgements of one token, over all of its followers. */
export const tokenAcknowledgementRate = {
  perMinute: followerLimits.acknowledgementsPerTokenMinute,
  /**
   * The maximum number of tokens whose rates are kept in memory, where they take about 1.5 MB. Only a sender with more tokens than this can
   * exceed the rate limit.
   */
  remembered: 10_000,
} as const;

export const feedLimits = {
  /**
   * The maximum number of recent moves of a feed that are kept in memory for all its readers. They take about 200 KiB. A reader that needs
   * older moves reads them from the database.
   */
  tailMoves: 256,
  /**
   * The number of moves per page when a reader that is behind reads the feed from the database. If the reader is slow, one page waits in
   * memory: 70 KiB, which count against the reader's share of response memory.
   */
  lagMoves: 100,
} as const;

/** Limits for the probes of the stores and the worker, which /readyz reports. */
export const probeLimits = {
  /** The time limit of one probe. A healthy store responds within milliseconds. */
  timeoutMs: 2 * second,
  /** The time for which all requests share one probe, so that frequent requests do not load the stores. */
  cacheMs: second,
  /** The interval between two pings of a worker that does not respond. It is long because each unanswered ping stays queued in Restate. */
  pingMs: minute,
} as const;

export const metricsLimits = {
  /** The time for which all scrapes share one count of the queued and running releases. The typical scrape interval is 15 s. */
  linesMs: 5 * second,
} as const;

/** Limits for the publishes of one tenant that wait for its durable object to admit a release. */
export const admissionLimits = {
  /**
   * The maximum number of publishes of a tenant that each API process sends to the tenant's object at the same time. The object handles its
   * calls in the order of their arrival. The move of an admitted release therefore waits for at most this many admissions of a process, which
   * take a few milliseconds each.
   */
  running: 8,
  /**
   * The maximum number of publishes of a tenant that wait for their turn in each API process. It equals the default quota of releases in
   * flight. More publishes would not get their turn in time.
   */
  waiting: 1_000,
  /** The time that a publish waits for its turn. About a thousand admissions take this long. */
  waitMs: 10 * second,
} as const;

/**
 * The retry policy for failed calls to Restate. A call is retried for at most {@link httpLimits.ingressTimeoutMs}, each time with the same
 * idempotency key.
 */
export const ingressRetry = {
  maxAttempts: 6,
  initialInterval: 100,
  maxInterval: 2 * second,
  exponentiationFactor: 2,
} as const;
