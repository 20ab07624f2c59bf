/**
 * Limits of receiving webhooks. The limits of sending them are in core/limits/distribution-limits.ts. Times
 * are milliseconds, sizes are bytes.
 */

const KiB = 1024;
const second = 1_000;

export const receiverLimits = {
  /**
   * The maximum size of a request body. An event has a few hundred bytes, or about a thousand with the
   * longest names.
   */
  bodyBytes: 64 * KiB,
  /**
   * The maximum time for receiving one request. It is shorter than the time for which the sender waits for a
   * response.
   */
  bodyMs: 10 * second,
  /**
   * The maximum number of events that wait for one reader. Beyond it all of them are dropped, and the reader
   * gets a gap instead.
   */
  waiting: 1_000,
} as const;
