/**
 * Limits that apply to all outgoing calls. In addition, each call has its own limits for time, size and redirects.
 * Sizes are in bytes, times in milliseconds.
 */

const KiB = 1024;
const second = 1_000;
const minute = 60 * second;

export const outboundLimits = {
  /**
   * The maximum time for the name resolution, the connection and the TLS handshake. A handshake with a distant server
   * takes about one second.
   */
  connectTimeoutMs: 10 * second,
  /**
   * The delay after which a connection to the next address of a name is tried in parallel. RFC 8305, section 5,
   * recommends 250 ms.
   */
  nextAddressMs: 250,
  /**
   * The maximum pause between two chunks of a response body. A server may need the whole time limit of the call
   * before it responds. A pause during the body, however, means that the server hangs.
   */
  silenceMs: 15 * second,
  /**
   * The time that an idle connection is kept for the next call. Many servers close an idle connection after 5 s. This
   * time is shorter, so that a call is not sent over a connection that the server is closing.
   */
  keepAliveMs: 4 * second,
  /**
   * The maximum time that an idle connection is kept if the server requests a longer time. A longer time is not
   * useful, because the name may then resolve to another address.
   */
  keepAliveMaxMs: 60 * second,
  /**
   * The maximum size of all headers of one response. It is four times the size of the headers that GitHub and GitLab
   * send.
   */
  headerBytes: 32 * KiB,
  /**
   * The maximum length of a URL, also of a URL in a Location header. RFC 9110, section 4.1, recommends that HTTP
   * software support at least 8,000 characters.
   */
  urlChars: 8 * KiB,
  /**
   * The maximum length of a host name with the optional dot at its end. RFC 1035, section 2.3.4, allows 253
   * characters without the dot.
   */
  hostChars: 254,
  /**
   * The maximum number of concurrent calls in one process. Each call uses a socket, and memory for its response body.
   * During decompression it uses twice the memory.
   */
  inFlight: 256,
  /**
   * The maximum number of concurrent calls per tenant. It is an eighth of the total, so that other tenants can still
   * make calls if the servers of one tenant hang.
   */
  inFlightPerTenant: 32,
  /**
   * The maximum number of concurrent name lookups. Each occupies one of the four threads in Node's thread pool, which
   * also serves files and compression.
   */
  lookups: 2,
  /**
   * The maximum wait that a Retry-After header can cause. A longer wait is shortened to this. The caller limits the
   * number of attempts.
   */
  retryAfterMaxMs: 60 * minute,
  /**
   * The time after which a graceful shutdown aborts running calls. It is half of the time that the API has for its
   * shutdown.
   */
  drainMs: 5 * second,
} as const;

/** Limits for the circuit breakers. There is one breaker for each tenant and origin. */
export const breakerLimits = {
  /**
   * The number of consecutive failures after which a breaker opens. It exceeds the number of quick retries of one
   * call, so that the retries of a single call do not open the breaker.
   */
  failures: 5,
  /**
   * The time after which an open breaker admits one call as a probe. It is enough for the restart of a service. It is
   * also short compared with the minutes during which a handler retries a call.
   */
  openMs: 30 * second,
  /**
   * The maximum number of failing origins for which a breaker is stored. If there are more, the breaker with the
   * oldest failure is evicted. Its origin then gets a few unnecessary calls.
   */
  remembered: 10_000,
} as const;
