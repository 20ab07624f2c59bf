import { manifestLimits, requestLimits, followerLimits } from '@pointsman/protocol/limits';

/** Limits of one follower in its own process. Sizes are bytes, times are milliseconds. */

const KiB = 1024;
const second = 1_000;
const minute = 60 * second;

export const followLimits = {
  /** One small request: longer than the 20 s after which the API gives up on its stores. */
  requestMs: 25 * second,
  /** One blob: enough for the largest one at 5 Mbit/s. */
  blobMs: 30 * second,
  /**
   * A long-poll: less than the 60 s after which common proxies close a request, and at most the API's limit.
   */
  waitMs: Math.min(30 * second, requestLimits.waitMs),
  /**
   * After a move, the next long-poll starts within this time, at a random moment. It returns any move in
   * between.
   */
  nextPollWithinMs: 250,
  /** The wait before the next poll when the control plane responds immediately without a change. */
  stuckMs: second,
  /** A stream without data for this long, not even a comment, is dead: four of the API's keep-alives. */
  streamSilenceMs: 65 * second,
  /** One event of a stream contains one pointer. */
  eventChars: 64 * KiB,
  /** A pointer as JSON: the reason of its hold has at most a thousand characters. */
  pointerBytes: 64 * KiB,
  /** A problem document, of which one sentence is shown. */
  problemBytes: 64 * KiB,
  manifestBytes: manifestLimits.bytes,
  artifactBytes: followerLimits.artifactBytes,
  /** Blobs that one process fetches for one folder concurrently. More would only queue at the store. */
  fetches: 8,
  /**
   * Files that are written and synced concurrently. Node has four threads for this, and two stay free for others.
   */
  writes: 2,
  /**
   * Tries to fetch a pointer or an artifact that is known to exist: four minutes in total, enough for a
   * restart of everything. After that, the next hint, poll or heartbeat starts the tries again.
   */
  retries: { attempts: 20, firstMs: 250, factor: 2, maxMs: 15 * second },
  /** The wait between two connections to a source of hints. */
  sourceBackoff: { firstMs: 250, factor: 2, maxMs: 15 * second },
  /** How long a follower without a bundle waits before its first acknowledgement. */
  firstAcknowledgementMs: 5 * second,
  /**
   * A change is acknowledged within this time, at a random moment. The API can process a thousand
   * acknowledgements in a second.
   */
  acknowledgeWithinMs: second,
  /** The wait between two tries of an acknowledgement. Only the list of followers depends on it. */
  acknowledgeBackoff: { firstMs: 500, factor: 2, maxMs: followerLimits.heartbeatMs },
  /** The longest Retry-After that is respected. */
  retryAfterMaxMs: 5 * minute,
  /** The wait after a rejected token: more frequent requests would change nothing. */
  refusedMs: 10 * second,
  /** The fallback for every source of hints: a lost move is noticed within this time. */
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
