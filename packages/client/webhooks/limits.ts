/**
 * Limits for signing and receiving webhooks. The delivery limits are in core/limits/distribution-limits.ts.
 * Times are milliseconds.
 */

const KiB = 1024;
const second = 1_000;

export const receiverLimits = {
  /** The maximum size of a request body. An event has a few hundred bytes, or a thousand with the longest names. */
  bodyBytes: 64 * KiB,
  /** The time limit for receiving a request: shorter than the sender's timeout for the response. */
  bodyMs: 10 * second,
  /** Events that wait for one reader. Above this limit they are dropped, and the reader gets a gap. */
  waiting: 1_000,
} as const;
