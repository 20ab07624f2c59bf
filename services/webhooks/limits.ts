/**
 * Limits for signing and receiving webhooks. The delivery limits are in core/limits/distribution-limits.ts.
 * Times are milliseconds.
 */

const KiB = 1024;
const second = 1_000;

export const signatureLimits = {
  /** Bytes of a secret (Standard Webhooks, "Signature scheme"). */
  minSecretBytes: 24,
  maxSecretBytes: 64,
  /** The length of a generated secret: the digest length of its HMAC. */
  madeSecretBytes: 32,
  /**
   * The largest accepted clock difference, in either direction (suggested by Standard Webhooks, and used by
   * its libraries).
   */
  toleranceMs: 300 * second,
  /**
   * Signatures that are checked per request. Two secrets sign during a rotation, and future versions would
   * add as many.
   */
  signatures: 8,
} as const;

export const receiverLimits = {
  /** An event has a few hundred bytes; with the longest names, a thousand. */
  bodyBytes: 64 * KiB,
  /** The time limit for a whole request: less than a sender waits for its response. */
  bodyMs: 10 * second,
  /** Events that wait for one reader. Above this limit they are dropped, and the reader gets a gap. */
  waiting: 1_000,
} as const;
