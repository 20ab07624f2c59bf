/** Bounds of signing webhooks and of taking them. What bounds their delivery is in core/limits/distribution-limits.ts. Times are milliseconds. */

const KiB = 1024;
const second = 1_000;

export const signatureLimits = {
  /** Bytes of a secret (Standard Webhooks, "Signature scheme"). */
  minSecretBytes: 24,
  maxSecretBytes: 64,
  /** Of one that is made here: as many as the digest has that it keys. */
  madeSecretBytes: 32,
  /** How far two clocks may be apart, either way (Standard Webhooks suggests it, and its libraries have it). */
  toleranceMs: 300 * second,
  /** Signatures of one request that are looked at: two secrets sign during a rotation, and versions to come would add as many. */
  signatures: 8,
} as const;

export const receiverLimits = {
  /** An event is a few hundred bytes, with the longest names a thousand. */
  bodyBytes: 64 * KiB,
  /** Until the whole of a request must be there: less than a sender waits for its answer. */
  bodyMs: 10 * second,
  /** Events that wait for one reader. Past it they are dropped, and the reader is told of the gap. */
  waiting: 1_000,
} as const;
