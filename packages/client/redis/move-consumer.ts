import { feedLimits } from '@pointsman/protocol/limits';
import { readerLimits } from './limits.ts';
import { moveStream, partitionStream } from '@pointsman/protocol/sinks/sink';
import { type MoveApplier, moveApplier } from './apply-moves.ts';
import type { ConsumerCounts, MoveConsumerOptions, RejectedEntry, Rejection } from './consumer-options.ts';
import {
  acknowledge,
  attach,
  type GroupEntry,
  type GroupMember,
  type GroupRead,
  ownPending,
  pendingTrimmed,
  readNew,
  reclaim,
} from './group-reader.ts';
import { isRedisFailure, type ReaderSession, readerSessions, pauseUnlessAborted } from './reader-sessions.ts';
import { latestInStreams, type SequenceLag, sequenceLags } from './sequence-lag.ts';
import { readEntry } from '@pointsman/protocol/redis/stream-entry';
import { redisWriter } from './connection.ts';

export interface MoveConsumer {
  counts(): Readonly<ConsumerCounts>;
  /**
   * The lag of the consumer, by the tenants' sequence numbers. The caller may pass the latest numbers from
   * elsewhere; otherwise the newest entries are used.
   */
  lag(latest?: ReadonlyMap<string, number>): Promise<SequenceLag[]>;
  /** Stops after the running handler, or after a time limit. Applied entries are acknowledged. Idempotent. */
  stop(): Promise<void>;
}

/**
 * Applies the moves of the streams as a member of a consumer group. Each tenant's moves are applied in order
 * and without going back. A move is applied again only if the consumer can't know that it was already
 * applied. An entry is acknowledged after it was applied. After a possibly missed event, it takes a snapshot:
 * at the start, after the group was created, after a server lost entries, after a trimmed entry, and at a gap
 * in a tenant's numbers. It reconnects by itself until it is stopped.
 */
export function consumeMoves(options: MoveConsumerOptions): MoveConsumer {
  const stopping = new AbortController();
  const counts: ConsumerCounts = {
    applied: 0,
    duplicates: 0,
    rejected: 0,
    tests: 0,
    gaps: 0,
    snapshots: 0,
    reclaimed: 0,
    failed: 0,
  };
  const applier = moveApplier(options, counts, stopping.signal);
  const streams = streamsOf(options);
  const run = consume({ options, counts, applier, streams, signal: stopping.signal });
  // The consumer ends only by its signal. Any other end is a bug.
  const ended = run.catch((error: unknown) =>
    options.log.error({ err: error }, 'a consumer of moves has ended unexpectedly'),
  );
  const lagClient = redisWriter(options);
  return {
    counts: () => ({ ...counts }),
    lag: async (latest) => {
      const newest = latest ?? (await lagClient.run('lag', (client) => latestInStreams(client, streams)));
      const { cursor } = applier;
      const known = new Map(cursor.tenants().map((tenant) => [tenant, cursor.seq(tenant)]));
      return sequenceLags(newest, known);
    },
    stop: async () => {
      stopping.abort();
      await Promise.race([ended, pauseUnlessAborted(readerLimits.stopMs, AbortSignal.any([]))]);
      await lagClient.close();
    },
  };
}

function streamsOf({ ownStreamsOf, partitions }: MoveConsumerOptions): string[] {
  if (ownStreamsOf !== undefined) return ownStreamsOf.map((tenant) => moveStream(tenant, 'per-tenant'));
  return (partitions ?? Array.from({ length: feedLimits.partitions }, (_none, n) => n)).map(partitionStream);
}

interface Consuming {
  readonly options: MoveConsumerOptions;
  readonly counts: ConsumerCounts;
  readonly applier: MoveApplier;
  readonly streams: readonly string[];
  readonly signal: AbortSignal;
}

async function consume(consuming: Consuming): Promise<void> {
  const { options, streams, signal } = consuming;
  const { group, consumer, url, log } = options;
  const member: GroupMember = { group, consumer, positions: new Map(), server: null };
  // No tenant's state is known yet.
  await catchUpAll(consuming, new Set(streams), true);
  const owed = new Set<string>();
  for await (const session of readerSessions({ url, log, signal })) {
    try {
      for (const stream of await attach(session, member, streams)) owed.add(stream);
      await consumeSession(consuming, session, member, owed);
    } catch (error) {
      if (!isRedisFailure(error)) throw error;
      if (!signal.aborted)
        log.warn({ err: error, group, consumer }, 'a consumer of moves has lost its connection to Redis');
    }
  }
}

/**
 * `owed`: streams in which an event may have been missed. No further entry is applied before their tenants
 * have caught up.
 */
async function consumeSession(
  consuming: Consuming,
  session: ReaderSession,
  member: GroupMember,
  owed: Set<string>,
): Promise<void> {
  const { options, counts, applier, signal } = consuming;
  const { claimIdleMs = readerLimits.claimIdleMs, claimEveryMs = readerLimits.claimEveryMs } =
    options.timings ?? {};
  let claimAt = 0;
  const take = async ({ entries, missed }: GroupRead): Promise<void> => {
    for (const stream of missed) owed.add(stream);
    await catchUpOwed(consuming, owed);
    await processEntries(consuming, session, entries);
  };
  for (const stream of await pendingTrimmed(session, member)) owed.add(stream);
  await catchUpOwed(consuming, owed);
  for await (const entries of ownPending(session, member)) await take({ entries, missed: [] });
  while (!isOver(signal)) {
    await catchUpOwed(consuming, owed);
    if (performance.now() >= claimAt) {
      for (const stream of await pendingTrimmed(session, member)) owed.add(stream);
      await catchUpOwed(consuming, owed);
      const claimed = await reclaim(session, member, claimIdleMs);
      counts.reclaimed += claimed.entries.length;
      await take(claimed);
      await applier.retryFailed();
      claimAt = performance.now() + claimEveryMs;
    }
    await take(await readNew(session, member));
  }
}

async function catchUpOwed(consuming: Consuming, owed: Set<string>): Promise<void> {
  if (owed.size === 0) return;
  consuming.counts.gaps += owed.size;
  await catchUpAll(consuming, owed, false);
  if (!consuming.signal.aborted) owed.clear();
}

/** Catches up every tenant of the streams, and retries until the list of tenants is available. */
async function catchUpAll(
  { options, applier, signal }: Consuming,
  streams: ReadonlySet<string>,
  mayKnow: boolean,
): Promise<void> {
  const { cursor } = applier;
  const layout = options.ownStreamsOf === undefined ? 'shared' : 'per-tenant';
  for (const tenant of cursor.tenants()) if (streams.has(moveStream(tenant, layout))) cursor.doubt(tenant);
  while (!signal.aborted) {
    try {
      const tenants = await options.tenants();
      const concerned = tenants.filter(
        (tenant) => streams.has(moveStream(tenant, layout)) && options.wants?.(tenant) !== false,
      );
      for (const tenant of concerned) if (!isOver(signal)) await applier.catchUp(tenant, mayKnow);
      return;
    } catch (error) {
      options.log.error({ err: error }, 'a consumer cannot list the tenants whose moves it may have missed');
      await pauseUnlessAborted(readerLimits.applyBackoff.maxMs, signal);
    }
  }
}

/**
 * Processes the entries one after the other. Processed entries are acknowledged even if a later one fails.
 */
async function processEntries(
  consuming: Consuming,
  session: ReaderSession,
  entries: readonly GroupEntry[],
): Promise<void> {
  const done: GroupEntry[] = [];
  for (const entry of entries) {
    if (consuming.signal.aborted) break;
    if (await isDone(consuming, entry)) done.push(entry);
  }
  await acknowledge(session, consuming.options.group, done);
}

async function isDone({ options, counts, applier }: Consuming, entry: GroupEntry): Promise<boolean> {
  const read = readEntry(entry.stream, entry.fields);
  if (read.kind === 'rejected') return reject(options, counts, entry, read.why);
  if (read.kind === 'test') {
    counts.tests++;
    return true;
  }
  if (options.wants?.(read.event.data.tenant) === false) return true;
  const taken = await applier.take(read.event);
  if (taken === 'ahead' || taken === 'stale') return reject(options, counts, entry, taken);
  if (taken === 'duplicate') counts.duplicates++;
  return taken !== 'failed';
}

/**
 * An entry that can never be applied is acknowledged, because otherwise it would be delivered again
 * permanently.
 */
function reject(
  options: MoveConsumerOptions,
  counts: ConsumerCounts,
  { stream, id }: GroupEntry,
  why: Rejection,
): true {
  counts.rejected++;
  const entry: RejectedEntry = { stream, id, why };
  options.log.warn(entry, 'a stream entry is not an applicable move');
  try {
    options.rejected?.(entry);
  } catch (error) {
    options.log.error({ err: error }, 'the callback for rejected entries has failed');
  }
  return true;
}

/** Reads `aborted` through a function, because TypeScript would keep a narrowed value across an await. */
function isOver(signal: AbortSignal): boolean {
  return signal.aborted;
}
