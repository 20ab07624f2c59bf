/**
 * Limits that are the same for all outgoing calls. Each call has its own limits of time, size and redirects.
 * Sizes are bytes, times are milliseconds.
 */

const KiB = 1024;
const second = 1_000;
const minute = 60 * second;

export const outboundLimits = {
  /**
   * The time limit for name resolution, connection and TLS handshake. A handshake with a server on the other side of
   * the world takes one second.
   */
  connectTimeoutMs: 10 * second,
  /** The delay before the next address of a name is tried in parallel. RFC 8305, section 5, recommends 250 ms. */
  nextAddressMs: 250,
  /**
   * The maximum pause between two chunks of a body. A server may take until the call's time limit to respond, but must
   * not pause during the body.
   */
  silenceMs: 15 * second,
  /**
   * How long an idle connection is kept for the next call. It is less than the 5 s after which many servers close
   * theirs, so that a call does not use a connection that is closing.
   */
  keepAliveMs: 4 * second,
  /** The maximum keep-alive time that a server can request. After it, the name may resolve to another address. */
  keepAliveMaxMs: 60 * second,
  /** The maximum size of all headers of one response: four times the size that the Git hosts send. */
  headerBytes: 32 * KiB,
  /**
   * The maximum length of a URL. RFC 9110, section 4.1, recommends that servers accept at least 8,000 characters. A
   * Location header may be longer.
   */
  urlChars: 8 * KiB,
  /** The maximum length of a host name (RFC 1035, section 2.3.4), with the optional dot at its end. */
  hostChars: 254,
  /**
   * The maximum number of concurrent calls in one process. Each uses a socket and the memory of its body, twice that
   * during decompression.
   */
  inFlight: 256,
  /**
   * The maximum number of concurrent calls per tenant: an eighth of the total, so that hanging servers of one tenant
   * leave enough for the others.
   */
  inFlightPerTenant: 32,
  /**
   * The maximum number of concurrent name lookups. Each uses one of Node's four threads, which files and compression
   * also need.
   */
  lookups: 2,
  /** The longest Retry-After that is respected. The caller limits the number of attempts. */
  retryAfterMaxMs: 60 * minute,
  /** How long running calls may continue during a graceful shutdown: half of the API's own shutdown time. */
  drainMs: 5 * second,
} as const;

/** Limits of the circuit breaker for one tenant's calls to one origin. */
export const breakerLimits = {
  /**
   * The number of consecutive failures after which the breaker opens. It exceeds the number of quick retries of one
   * call, so that one short outage does not open it.
   */
  failures: 5,
  /**
   * The time until one call may probe. It is enough for the restart of a service, and short compared with the minutes
   * over which a handler retries.
   */
  openMs: 30 * second,
  /**
   * The maximum number of stored failing origins. Above this limit, the origin with the oldest failure is evicted,
   * which costs a few more calls.
   */
  remembered: 10_000,
} as const;
