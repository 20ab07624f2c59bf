import { eventStreamLimits, manifestLimits, requestLimits, followerLimits } from '@pointsman/protocol/limits';

/** Limits of one follower in its own process. Sizes are bytes, times are milliseconds. */

const KiB = 1024;
const second = 1_000;
const minute = 60 * second;

export const followLimits = {
  /** The timeout of a small request: longer than the 20 s after which the API gives up on its database. */
  requestMs: 25 * second,
  /** The timeout of fetching a blob: enough for the largest blob at 5 Mbit/s. */
  blobMs: 30 * second,
  /**
   * The wait of a long-poll: less than the 60 s after which common proxies close a request, and at most the
   * API's limit.
   */
  waitMs: Math.min(30 * second, requestLimits.waitMs),
  /**
   * After a move, the next long-poll starts after a random delay of at most this time. It also returns a move
   * that happened during the delay.
   */
  nextPollWithinMs: 250,
  /** The wait before the next poll when the control plane responds immediately without a change. */
  stuckMs: second,
  streamSilenceMs: eventStreamLimits.silenceMs,
  /** The maximum length of one event of a stream, which contains one pointer. */
  eventChars: 64 * KiB,
  /** The maximum size of a pointer as JSON. The reason of a hold has at most a thousand characters. */
  pointerBytes: 64 * KiB,
  /** The maximum size of a problem document, of which only one sentence is shown. */
  problemBytes: 64 * KiB,
  /** The maximum length of the detail of a problem in characters, as it is shown. */
  detailChars: 2_000,
  manifestBytes: manifestLimits.bytes,
  artifactBytes: followerLimits.artifactBytes,
  /**
   * The number of blobs that one process fetches concurrently for one folder. More would only queue at the
   * server.
   */
  fetches: 8,
  /**
   * The number of files that are written and synced concurrently. Node has four threads for file access, and
   * two stay free for other work.
   */
  writes: 2,
  /**
   * Attempts to fetch a pointer or an artifact that is known to exist: four minutes in total, enough for a
   * restart of the whole system. After that, the next hint, poll or heartbeat starts new attempts.
   */
  retries: { attempts: 20, firstMs: 250, factor: 2, maxMs: 15 * second },
  /** The wait between two connections to a source of hints. */
  sourceBackoff: { firstMs: 250, factor: 2, maxMs: 15 * second },
  /** How long a follower without a bundle waits before its first acknowledgement. */
  firstAcknowledgementMs: 5 * second,
  /**
   * A follower acknowledges a change after a random delay of at most this time. The API can process a
   * thousand acknowledgements in a second.
   */
  acknowledgeWithinMs: second,
  /**
   * The wait between two attempts to send an acknowledgement. A missing acknowledgement only makes the list
   * of followers outdated.
   */
  acknowledgeBackoff: { firstMs: 500, factor: 2, maxMs: followerLimits.heartbeatMs },
  /** The longest Retry-After that is respected. */
  retryAfterMaxMs: 5 * minute,
  /** The wait after the control plane has rejected the token. More frequent requests would be useless. */
  refusedMs: 10 * second,
  /** The interval of the slow poll, which finds a move within this time even if its hint was lost. */
  pollMs: minute,
  /** How long a move waits for the disk before it is served from memory only. */
  diskMs: 5 * second,
  /** How long closing waits for a source that ignores its signal. */
  closeMs: 2 * second,
  /** How long opening waits for the first bundle. */
  startMs: 30 * second,
  /** A temporary file or an unused blob of this age is orphaned. Files in use are younger. */
  unusedMs: 60 * minute,
  /** The wait between two sweeps of one folder. */
  sweepMs: 10 * minute,
} as const;
