/**
 * Bounds of outgoing calls that are the same for all of them; a call brings its own time, size and redirects. Sizes are bytes, times are
 * milliseconds.
 */

const KiB = 1024;
const second = 1_000;
const minute = 60 * second;

export const outboundLimits = {
  /** Looking the name up, connecting and agreeing on TLS: a handshake around the world takes one second. */
  connectTimeoutMs: 10 * second,
  /** Before the next address of a name is tried beside the one that does not answer (RFC 8305, section 5, recommends 250). */
  nextAddressMs: 250,
  /** Between two pieces of a body. Servers may think before they answer, within the call's time; they do not pause in the middle. */
  silenceMs: 15 * second,
  /** An idle connection is kept for the next call. Under the 5 s after which many servers close theirs, so that none is met closing. */
  keepAliveMs: 4 * second,
  /** However long the server says that it keeps it: its name may mean another address by then. */
  keepAliveMaxMs: 60 * second,
  /** All headers of one answer: four times what the code hosts send. */
  headerBytes: 32 * KiB,
  /** What every server should take (RFC 9110, section 4.1, says at least 8,000). A Location may hold more. */
  urlChars: 8 * KiB,
  /** The longest name that there can be (RFC 1035, section 2.3.4), and the dot that may end it. */
  hostChars: 254,
  /** Calls at once in one process: each holds a socket and at most its body, twice while it is being decompressed. */
  inFlight: 256,
  /** Calls of one tenant at once: with an eighth of all, a tenant whose servers hang leaves enough for the others. */
  inFlightPerTenant: 32,
  /** Looking names up at once. Each takes one of Node's four threads, which files and compression need, too. */
  lookups: 2,
  /** The longest Retry-After that is believed: past it the caller's own bound on attempts decides. */
  retryAfterMaxMs: 60 * minute,
  /** How long calls in flight may go on after the process was told to stop: half of what the API gives its own. */
  drainMs: 5 * second,
} as const;

/** The breaker of one tenant's calls to one origin. */
export const breakerLimits = {
  /** Failures in a row until it opens: more than one call's quick retries, so that a single bad moment does not. */
  failures: 5,
  /** Until one call may try again: a restart of a service, and little beside the minutes that handlers go on retrying. */
  openMs: 30 * second,
  /** Failing origins that are remembered. Past it the one that failed longest ago is forgotten, and costs a few calls again. */
  remembered: 10_000,
} as const;
