/** Limits of distributing moves, with their reasons; see core/limits/limits.ts. Sizes are bytes, times are milliseconds. */

const KiB = 1024;
const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;

/** Delivering moves. */
export const sinkLimits = {
  /** Moves of one durable step: a few hundred KiB in memory, and far less than a second for a broker. */
  batchMoves: 500,
  /** Time of one durable step. A slow webhook ends it early, with the moves that it has accepted. */
  batchMs: 20 * second,
  /** Steps of one invocation, which holds its writer's key. Then other calls of that writer have their turn. */
  batches: 20,
  /**
   * Steps of one invocation for a webhook. One step may take the whole of `batchMs` while the invocation holds its writer's key, and a request to
   * pause the webhook waits for the key.
   */
  webhookBatches: 1,
  /** Tenants of a stream that are notified when its broker is back. The sweep finds the others. */
  othersNotified: 200,
  /** Tenants that the sweep checks in one query, which takes milliseconds. */
  sweptTenants: 1_000,
  /** Waits between attempts at a broker. The broker is the platform's own and is back within seconds. Until then, moves are late. */
  brokerBackoff: { firstMs: 250, factor: 2, maxMs: 10 * second },
  /** Waits between attempts at a webhook's endpoint. */
  webhookBackoff: { firstMs: 2 * second, factor: 2, maxMs: 15 * minute },
  /** An endpoint that has failed for this long is paused: about three hundred attempts, and a weekend. */
  webhookGiveUpMs: 3 * day,
  /** One call of an endpoint. It only has to accept the event, not to process it. */
  callMs: 15 * second,
  /** Bytes that are read of the response body, which is then ignored. */
  answerBytes: 64 * KiB,
  /** No redirects: an event that is signed for one URL must not be sent to another. */
  redirects: 0,
  /** How long a webhook's previous secret signs in parallel: a day to deploy the new one (Standard Webhooks, "Secret rotation"). */
  rotationMs: 24 * hour,
  /** Attempts of one webhook that are kept for inspection. */
  attemptsKept: 1_000,
  /** How long a required sink counts as healthy after its last proof, so that the swap relies on a recorded fact. */
  healthMaxAgeMs: 5 * second,
  /** How long a release waits for a required sink that is down. */
  freezeMs: 6 * hour,
  /** How often a broker is probed while releases wait for it, so that they continue within two seconds of its return. */
  probeEveryMs: second,
  /**
   * One probe of a broker, and one test event to a required webhook. The writer's key is held during that time, so a silent broker must not
   * delay other calls for longer. The proof must also reach the swap before it is older than `healthMaxAgeMs`.
   */
  probeMs: 2 * second,
  /** A probe that is this late was lost with its invocation. */
  probeLostMs: 30 * second,
  /** Releases that one partition remembers as waiting for its broker. Others probe again themselves, after at most ten seconds. */
  waitingReleases: 1_000,
  /**
   * Consecutive probes that found all sinks healthy although the swap did not accept their proof: the machine is slow, or its clocks
   * differ.
   */
  staleProofs: 5,
  freezeBackoff: { firstMs: second, factor: 2, maxMs: 10 * second },
  /**
   * The same for a broker, whose return notifies the release. Its own probe is only for a lost notification, and each probe costs the writer a
   * turn.
   */
  notifiedBackoff: { firstMs: 10 * second, factor: 1, maxMs: 10 * second },
} as const;
