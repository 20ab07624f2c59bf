import { followerLimits } from '../../core/limits/distribution-limits.ts';
import { httpLimits } from '../../core/limits/limits.ts';
import { callbackLimits } from '../../core/limits/callout-limits.ts';

/** Bounds of one follower in its own process. Sizes are bytes, times are milliseconds. */

const KiB = 1024;
const second = 1_000;
const minute = 60 * second;

export const followLimits = {
  /** One small request: longer than the 20 s after which the API gives up on its stores. */
  requestMs: 25 * second,
  /** One blob: the largest over 5 Mbit/s. */
  blobMs: 30 * second,
  /** A long-poll: under the 60 s at which common proxies cut, and what the API takes. */
  waitMs: Math.min(30 * second, httpLimits.waitMs),
  /** A poll that was told of a move asks again within so long, at a moment of its own: what moves meanwhile it hears of then. */
  askAgainWithinMs: 250,
  /** Before asking again what answers at once with nothing new. */
  stuckMs: second,
  /** A stream that says nothing for this long, not even a comment, is dead: four of the API's keep-alives. */
  streamSilenceMs: 65 * second,
  /** One event of a stream is one pointer. */
  eventChars: 64 * KiB,
  /** A pointer as JSON: its hold has a reason of a thousand characters at most. */
  pointerBytes: 64 * KiB,
  /** A problem document, of which one sentence is shown. */
  problemBytes: 64 * KiB,
  manifestBytes: callbackLimits.manifestBytes,
  artifactBytes: followerLimits.artifactBytes,
  /** Blobs that one process fetches for one folder at once: more only makes them wait for each other at the store. */
  fetches: 8,
  /** Files that are written and synced at once: Node has four threads for that, and leaves two to others. */
  writes: 2,
  /**
   * Tries at a pointer or an artifact that is known to be there: four minutes together, a restart of everything. Then it is let go until
   * the next hint, poll or heartbeat names it again.
   */
  retries: { attempts: 20, firstMs: 250, factor: 2, maxMs: 15 * second },
  /** Between two connections to a source of hints. */
  sourceBackoff: { firstMs: 250, factor: 2, maxMs: 15 * second },
  /** Until a follower says that it runs nothing yet. */
  firstWordMs: 5 * second,
  /** A change is acknowledged within so long, at a moment of its own: a thousand at once are what the API takes in a second. */
  acknowledgeWithinMs: second,
  /** Between two tries at an acknowledgement: nobody waits for it but those who look at the list. */
  acknowledgeBackoff: { firstMs: 500, factor: 2, maxMs: followerLimits.heartbeatMs },
  /** The longest Retry-After that is believed. */
  retryAfterMaxMs: 5 * minute,
  /** Token refused: asking more often would change nothing. */
  refusedMs: 10 * second,
  /** The net under every source of hints: whatever is lost is seen within so long. */
  pollMs: minute,
  /** How long a move waits for the disk before it is served from memory alone. */
  diskMs: 5 * second,
  /** How long closing waits for a source that does not hear that it is to end. */
  closeMs: 2 * second,
  /** How long opening waits for something to serve. */
  startMs: 30 * second,
  /** A temporary file or an unused blob of that age is nobody's: what is being written or read again is younger. */
  unusedMs: 60 * minute,
  /** Between two looks for such in one folder. */
  sweepMs: 10 * minute,
} as const;
