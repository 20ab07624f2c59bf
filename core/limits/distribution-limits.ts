/** Bounds of telling the world of moves, with their reasons; as core/limits/limits.ts. Sizes are bytes, times are milliseconds. */

import { artifactLimits } from './artifact-limits.ts';

const KiB = 1024;
const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;

/** The feed, and whatever it is copied to. */
export const feedLimits = {
  /**
   * How far back a reader may go on from: one who was away longer fetches the pointers themselves, which is less work for everybody. The
   * same window for the feed, for a replay, and for what a Redis stream keeps, so that none promises what another has dropped.
   */
  retentionMs: 7 * day,
  /** Partitions of the shared streams. Tenants are hashed over them; changing it would break the order of what is under way. */
  partitions: 16,
  /** Entries of one stream in Redis, whatever their age: about 40 MB. Past it the oldest go, and a reader that misses them sees the gap. */
  streamEntries: 50_000,
} as const;

/** Delivering moves. */
export const sinkLimits = {
  /** Moves of one durable step: a few hundred KiB in memory, and far less than a second for a broker. */
  batchMoves: 500,
  /** Time of one durable step; a webhook that is slow ends it early, with what it has taken. */
  batchMs: 20 * second,
  /** Steps of one invocation, which holds its writer's key: then the others of that writer have their turn. */
  batches: 20,
  /**
   * Steps of one invocation for a webhook. One step may take the whole of `batchMs` while the invocation holds its writer's key, and a request to
   * pause the webhook waits for the key.
   */
  webhookBatches: 1,
  /** Tenants of a stream that are woken once its broker is back; the sweep finds whoever comes after those. */
  othersWoken: 200,
  /** Tenants that the sweep looks at in one query, which takes milliseconds. */
  sweptTenants: 1_000,
  urlChars: 2_000,
  /** Waits between tries at a broker, which is ours: it is back within seconds, and its moves are late meanwhile. */
  brokerBackoff: { firstMs: 250, factor: 2, maxMs: 10 * second },
  /** Waits between tries at somebody's endpoint. */
  webhookBackoff: { firstMs: 2 * second, factor: 2, maxMs: 15 * minute },
  /** An endpoint that has failed for so long is paused: about three hundred tries, and a weekend. */
  webhookGiveUpMs: 3 * day,
  /** One call of an endpoint. It has to take the event, not to act on it. */
  callMs: 15 * second,
  /** Of its answer, which nobody reads. */
  answerBytes: 64 * KiB,
  /** None: what is signed for one address is not sent to another. */
  redirects: 0,
  /** How long a webhook's previous secret signs beside the new one: a day to deploy it (Standard Webhooks, "Secret rotation"). */
  rotationMs: 24 * hour,
  /** Attempts of one webhook that are kept to be looked at. */
  attemptsKept: 1_000,
  /** A required sink counts as healthy for so long after it was seen so: the swap itself then looks at a fact, not at a hope. */
  provenMs: 5 * second,
  /** How long a release waits for a required sink that is down. */
  freezeMs: 6 * hour,
  /** How often a broker is probed while releases wait for it, so that they go on within two seconds of its return. */
  probeEveryMs: second,
  /**
   * One probe of a broker, and one test event to a required webhook. The writer's key is held meanwhile, so that a silent broker must not delay
   * others' calls for longer; and the proof has to reach the swap before it is older than `provenMs`.
   */
  probeMs: 2 * second,
  /** A probe that is so late was lost with its invocation. */
  probeLostMs: 30 * second,
  /** Releases that one partition remembers as waiting for its broker. Past it they wait for their own next look, at most ten seconds. */
  waitingReleases: 1_000,
  /** Looks in a row that found all sinks well although the swap did not take their proof: the machine is slow, or its clocks differ. */
  staleProofs: 5,
  freezeBackoff: { firstMs: second, factor: 2, maxMs: 10 * second },
  /** The same for a broker, whose return wakes the release: a look of its own is only for a wake that was lost, and every look costs the writer a turn. */
  wokenBackoff: { firstMs: 10 * second, factor: 1, maxMs: 10 * second },
} as const;

/** Runtimes that follow a pointer. */
export const followerLimits = {
  /** Followers of one channel. */
  perChannel: 10_000,
  /** How often one says that it is there although nothing has moved. */
  heartbeatMs: 30 * second,
  /** Not heard of for so long: three heartbeats and a half, so that a lost one or two mean nothing. */
  lostMs: 105 * second,
  /** Not heard of for so long: forgotten. */
  forgottenMs: 24 * hour,
  /** Acknowledgements of one follower, on the average of a minute: a heartbeat, and a pointer that moves as fast as it can be followed. */
  acknowledgementsPerMinute: 120,
  /**
   * The same of all followers of one token together: of a full channel two heartbeats of each, and two acknowledgements of a pointer that
   * moves once a minute.
   */
  acknowledgementsPerTokenMinute: 40_000,
  /** One artifact in memory and on disk: as large as the compiler may make one. */
  artifactBytes: artifactLimits.bytes,
} as const;
