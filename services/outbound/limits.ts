/**
 * Limits that are the same for all outgoing calls. Each call has its own limits of time, size and redirects.
 * Sizes are bytes, times are milliseconds.
 */

const KiB = 1024;
const second = 1_000;
const minute = 60 * second;

export const outboundLimits = {
  /** Name resolution, connection and TLS handshake. A handshake around the world takes one second. */
  connectTimeoutMs: 10 * second,
  /**
   * The delay before the next address of a name is tried in parallel (RFC 8305, section 5, recommends 250).
   */
  nextAddressMs: 250,
  /**
   * Between two chunks of a body. A server may be slow to respond, within the call's time limit, but must not
   * pause during the body.
   */
  silenceMs: 15 * second,
  /**
   * How long an idle connection is kept for the next call. Less than the 5 s after which many servers close
   * theirs, so that a call does not use a closing connection.
   */
  keepAliveMs: 4 * second,
  /** The limit of the server's own keep-alive time: its name may resolve to another address by then. */
  keepAliveMaxMs: 60 * second,
  /** All headers of one response: four times what the Git hosts send. */
  headerBytes: 32 * KiB,
  /**
   * What every server should accept (RFC 9110, section 4.1, recommends at least 8,000). A Location may be
   * longer.
   */
  urlChars: 8 * KiB,
  /** The longest possible name (RFC 1035, section 2.3.4), and the optional dot at its end. */
  hostChars: 254,
  /**
   * Concurrent calls in one process. Each holds a socket and at most its body, twice during decompression.
   */
  inFlight: 256,
  /**
   * Concurrent calls per tenant: an eighth of all, so that a tenant with hanging servers leaves enough for
   * the others.
   */
  inFlightPerTenant: 32,
  /**
   * Concurrent name lookups. Each takes one of Node's four threads, which files and compression also need.
   */
  lookups: 2,
  /** The longest Retry-After that is respected. The caller limits the attempts itself. */
  retryAfterMaxMs: 60 * minute,
  /** How long running calls may continue during a graceful shutdown: half of the API's own time. */
  drainMs: 5 * second,
} as const;

/** The breaker for one tenant's calls to one origin. */
export const breakerLimits = {
  /**
   * Consecutive failures until the breaker opens. More than the quick retries of one call, so that one short
   * outage does not open it.
   */
  failures: 5,
  /**
   * Until one call may probe: enough for a restart of a service, and short compared with the minutes of a
   * handler's retries.
   */
  openMs: 30 * second,
  /**
   * Stored failing origins. Above this limit the origin with the oldest failure is evicted, which costs a few
   * more calls.
   */
  remembered: 10_000,
} as const;
