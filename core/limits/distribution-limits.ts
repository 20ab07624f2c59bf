/**
 * Limits for the delivery of moves to sinks, with the reason for each limit, as in core/limits/limits.ts.
 * Sizes are bytes, times are milliseconds.
 */

const KiB = 1024;
const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;

/** Limits of the writers that deliver moves to sinks. */
export const sinkLimits = {
  /**
   * The number of moves that one durable step delivers. They take a few hundred KiB of memory, and a broker
   * accepts them in far less than a second.
   */
  batchMoves: 500,
  /**
   * The time limit of one durable step. With a slow webhook, the step ends here and records the moves that
   * the webhook has accepted.
   */
  batchMs: 20 * second,
  /**
   * The number of steps of one invocation, which holds the writer's key. Afterwards the other calls to that
   * writer run.
   */
  batches: 20,
  /**
   * The number of steps of one invocation for a webhook. A single step may take all of `batchMs` and holds
   * the writer's key. A request to pause the webhook must wait for that key.
   */
  webhookBatches: 1,
  /**
   * The number of tenants of a stream whose delivery starts when the broker has recovered. The sweep starts
   * it for the others.
   */
  othersNotified: 200,
  /** The number of tenants that the sweep checks in one query. The query takes milliseconds. */
  sweptTenants: 1_000,
  /**
   * The waits between attempts to deliver to a broker. The broker is part of the platform and usually
   * recovers within seconds. Moves are delayed until then.
   */
  brokerBackoff: { firstMs: 250, factor: 2, maxMs: 10 * second },
  /** The waits between attempts to call a webhook's endpoint. */
  webhookBackoff: { firstMs: 2 * second, factor: 2, maxMs: 15 * minute },
  /**
   * A webhook is paused when its endpoint has failed for this long: about 300 attempts, and longer than a
   * weekend.
   */
  webhookGiveUpMs: 3 * day,
  /** The timeout of one call to an endpoint. The endpoint only has to accept the event, not to process it. */
  callMs: 15 * second,
  /** The response body is ignored, and at most this many bytes of it are read. */
  answerBytes: 64 * KiB,
  /** No redirects: an event that is signed for one URL must not be sent to another. */
  redirects: 0,
  /**
   * How long Pointsman also signs with a webhook's previous secret: a day to deploy the new one (Standard
   * Webhooks, "Secret rotation").
   */
  rotationMs: 24 * hour,
  /** The maximum number of delivery attempts of one webhook that are stored for inspection. */
  attemptsKept: 1_000,
  /**
   * How long a required sink counts as healthy after its last successful health check. The swap only reads
   * the recorded result.
   */
  healthMaxAgeMs: 5 * second,
  /** How long a release waits for a required sink that is down. */
  freezeMs: 6 * hour,
  /**
   * The interval of the probes of a broker while releases wait for it. The releases continue within two
   * seconds after the broker has recovered.
   */
  probeEveryMs: second,
  /**
   * The timeout of one health check: a probe of a broker, or a test event to a required webhook. The check
   * holds the writer's key, so a broker that does not respond must not delay other calls for longer. The swap
   * must also read the result before it is older than `healthMaxAgeMs`.
   */
  probeMs: 2 * second,
  /** A probe that is overdue by this much was lost with its invocation, and another one starts. */
  probeLostMs: 30 * second,
  /**
   * The number of releases that one partition's writer remembers as waiting for the broker. Any further
   * release checks again by itself, after at most ten seconds.
   */
  waitingReleases: 1_000,
  /**
   * The number of consecutive health checks that may succeed although the swap rejects their results as too
   * old. After that, the release waits as it does for a sink that is down: the machine is too slow, or clocks
   * differ.
   */
  staleProofs: 5,
  freezeBackoff: { firstMs: second, factor: 2, maxMs: 10 * second },
  /**
   * The waits between a release's own health checks of a broker. The writer notifies the release when the
   * broker has recovered, so these checks only cover a lost notification. Each check occupies the writer.
   */
  notifiedBackoff: { firstMs: 10 * second, factor: 1, maxMs: 10 * second },
} as const;
