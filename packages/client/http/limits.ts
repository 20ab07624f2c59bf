import { eventStreamLimits, requestLimits } from '@pointsman/protocol/limits';

/** Limits of the HTTP client. Times are milliseconds. */

const second = 1_000;
const minute = 60 * second;

export const clientLimits = {
  /**
   * The timeout of one request. It is longer than the 20 s after which the API stops waiting for its
   * database.
   */
  requestMs: 30 * second,
  /** The timeout of a publish. It may send up to 48 MiB over a slow connection. */
  uploadMs: 5 * minute,
  /**
   * The maximum number of attempts of one call, including the first one. With the waits below they take about
   * 15 s in total, which is longer than a restart of the API.
   */
  attempts: 6,
  firstRetryMs: 250,
  longestRetryMs: 8 * second,
  /**
   * The longest Retry-After that the client waits for. With a longer one, the call fails immediately with the
   * error response.
   */
  longestRetryAfterMs: 30 * second,
  /**
   * The number of consecutive connections without any data after which an event stream counts as unavailable.
   */
  streamFailures: 3,
  /** The interval at which a release is read while its event stream is unavailable. */
  pollMs: second,
  streamSilenceMs: eventStreamLimits.silenceMs,
  /**
   * The maximum length of one event of an event stream, in characters. An event is a small JSON document, so
   * a longer one means that the response is not an event stream.
   */
  eventChars: 1024 * 1024,
  /**
   * The maximum number of pages, of 1,000 rows each, that are read of one list. They are enough for the whole
   * history of a pointer that is moved by people.
   */
  pages: 20,
  pageRows: requestLimits.pageSize,
} as const;
