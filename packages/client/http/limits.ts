import { eventStreamLimits, requestLimits } from '@pointsman/protocol/limits';

/** Limits of the HTTP client. Times are milliseconds. */

const second = 1_000;
const minute = 60 * second;

export const clientLimits = {
  /** The timeout of one request: longer than the 20 s after which the API gives up on its database. */
  requestMs: 30 * second,
  /** The timeout of a publish, which may send 48 MiB over a slow connection. */
  uploadMs: 5 * minute,
  /**
   * The number of attempts of one request, including the first one. With the waits below, they bridge an
   * outage of about 15 s, such as a restart.
   */
  attempts: 6,
  firstRetryMs: 250,
  longestRetryMs: 8 * second,
  /** The longest Retry-After that is respected; with a longer one the call fails with the problem. */
  longestRetryAfterMs: 30 * second,
  /** Consecutive failures of an event stream before it counts as unavailable. */
  streamFailures: 3,
  /** The wait between two reads of a release when its event stream is unavailable. */
  pollMs: second,
  streamSilenceMs: eventStreamLimits.silenceMs,
  /**
   * The length of one event, which is a small JSON document. A longer event means that the response is not an
   * event stream.
   */
  eventChars: 1024 * 1024,
  /**
   * The number of pages that are read of a list, with 1,000 rows each. This is enough for the whole history
   * of any pointer that people move.
   */
  pages: 20,
  pageRows: requestLimits.pageSize,
} as const;
