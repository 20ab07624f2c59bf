import { eventStreamLimits, manifestLimits, requestLimits, followerLimits } from '@pointsman/protocol/limits';

/** Limits of the followers in one process. Sizes are bytes, times are milliseconds. */

const KiB = 1024;
const second = 1_000;
const minute = 60 * second;

export const followLimits = {
  /**
   * The timeout of a request without large content. It is longer than the 20 s after which the API stops
   * waiting for its database.
   */
  requestMs: 25 * second,
  /** The timeout of fetching one blob. The largest blob takes less at 5 Mbit/s. */
  blobMs: 30 * second,
  /**
   * The time that the API may wait before it responds to a long-poll. It must be less than the 60 s after
   * which common proxies close a request, and it must not exceed the API's own limit.
   */
  waitMs: Math.min(30 * second, requestLimits.waitMs),
  /**
   * The maximum random delay after a move before the next long-poll starts. A move during the delay is not
   * lost, because the next long-poll returns it.
   */
  nextPollWithinMs: 250,
  /**
   * The wait before the next long-poll, if the API responded immediately although the pointer has not moved.
   */
  stuckMs: second,
  streamSilenceMs: eventStreamLimits.silenceMs,
  /**
   * The maximum wait for the first event of a stream that is open. The API sends it at once, so a later one was
   * held back by a proxy.
   */
  firstEventMs: 10 * second,
  /** After this many streams in a row without an event, the follower long-polls instead. One may be an accident. */
  silentStreams: 2,
  /** How long the follower long-polls then. A proxy is not reconfigured every few minutes. */
  pollInsteadMs: 10 * minute,
  /** The maximum length of one event of a stream, which contains one pointer. */
  eventChars: 64 * KiB,
  /**
   * The maximum size of a response with one pointer. Its longest part is the reason of a hold, with at most a
   * thousand characters.
   */
  pointerBytes: 64 * KiB,
  /** The maximum size of an error response (a problem document). Only one sentence of it is shown. */
  problemBytes: 64 * KiB,
  /** The maximum length of the detail of a problem in characters, as it is shown. */
  detailChars: 2_000,
  manifestBytes: manifestLimits.bytes,
  artifactBytes: followerLimits.artifactBytes,
  /**
   * The maximum number of blobs that one process fetches at the same time for one folder. Further requests
   * would only wait at the server.
   */
  fetches: 8,
  /**
   * The maximum number of files that are written and synced at the same time. Node has four threads for file
   * access, so two of them stay free for other work.
   */
  writes: 2,
  /**
   * The attempts to fetch a pointer or an artifact that is known to exist. Together they take four minutes,
   * which is enough for a restart of the whole system. After the last attempt, the next hint, poll or
   * heartbeat starts new attempts.
   */
  retries: { attempts: 20, firstMs: 250, factor: 2, maxMs: 15 * second },
  /** The wait before the next connection to a source of hints. */
  sourceBackoff: { firstMs: 250, factor: 2, maxMs: 15 * second },
  /** The maximum time that a follower without a bundle waits before its first acknowledgement. */
  firstAcknowledgementMs: 5 * second,
  /**
   * The maximum random delay before a follower acknowledges a change. The API can process a thousand
   * acknowledgements per second.
   */
  acknowledgeWithinMs: second,
  /**
   * The wait between two attempts to send an acknowledgement. Until it arrives, the API's list of followers
   * is outdated, which has no other effect.
   */
  acknowledgeBackoff: { firstMs: 500, factor: 2, maxMs: followerLimits.heartbeatMs },
  /** The maximum Retry-After that a follower waits. A longer one is shortened to this time. */
  retryAfterMaxMs: 5 * minute,
  /**
   * The minimum wait after the API has rejected a request, for example because of the token. An earlier retry
   * is unlikely to succeed.
   */
  refusedMs: 10 * second,
  /**
   * The interval of the slow poll of the pointer. A move is found within this time even if every hint of it
   * was lost.
   */
  pollMs: minute,
  /**
   * The maximum time that a new bundle waits for the disk. After it the bundle runs from memory, and the
   * write continues.
   */
  diskMs: 5 * second,
  /** The maximum time that `close` waits for a source of hints that ignores its signal. */
  closeMs: 2 * second,
  /** The default of the maximum time that `openFollower` waits for the first bundle. */
  startMs: 30 * second,
  /**
   * The age at which a temporary file or an unused blob is deleted. A file that a process is still using is
   * younger.
   */
  unusedMs: 60 * minute,
  /** The minimum time between two cleanups of one folder. */
  sweepMs: 10 * minute,
} as const;
