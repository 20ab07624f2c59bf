import { requestLimits } from '@pointsman/protocol/limits';

/** Limits of the HTTP client. Times are milliseconds. */

const second = 1_000;
const minute = 60 * second;

export const clientLimits = {
  /** One request: longer than the 20 s after which the API itself gives up on its stores. */
  requestMs: 30 * second,
  /** A publish may have 48 MiB and a slow connection. */
  uploadMs: 5 * minute,
  /** Attempts of one request, including the first. With the waits below they cover an outage of about 15 s, such as a restart. */
  attempts: 6,
  firstRetryMs: 250,
  longestRetryMs: 8 * second,
  /** The longest Retry-After that is respected; with a longer one the call fails with the problem. */
  longestRetryAfterMs: 30 * second,
  /** Consecutive failures of an event stream before it counts as unavailable. */
  streamFailures: 3,
  /** The wait between two reads of a release when its event stream is unavailable. */
  pollMs: second,
  /** A stream without any data for this long, not even a heartbeat, is dead; proxies cut at 60 s. */
  streamSilenceMs: 65 * second,
  /** One event is one small JSON document; more than this is not an event stream. */
  eventChars: 1024 * 1024,
  /** Pages of a list that are read, of 1,000 rows each: the whole history of any pointer that people move. */
  pages: 20,
  pageRows: requestLimits.pageSize,
} as const;
