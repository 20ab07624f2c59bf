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
   * Returns how many moves the consumer is behind, for each tenant. The caller may pass the latest sequence
   * numbers of the tenants. Otherwise they come from the newest entries of the streams.
   */
  lag(latest?: ReadonlyMap<string, number>): Promise<SequenceLag[]>;
  /**
   * Stops the consumer when the running handler has ended, or after a time limit. Entries that were applied
   * are acknowledged. Idempotent.
   */
  stop(): Promise<void>;
}

/**
 * Applies the moves of the streams as one consumer of a consumer group. The moves of each tenant are applied
 * in order, and no pointer goes back to an older generation. An entry is acknowledged after it was applied.
 * After a crash, a move may be applied again.
 *
 * Whenever an event may have been missed, the consumer takes a snapshot instead. That happens at the start,
 * and after the group was created. It also happens after the server has lost entries, after an unread entry
 * was trimmed, and at a gap in a tenant's sequence numbers. The consumer reconnects by itself until it is
 * stopped.
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
  // The consumer ends only when its signal aborts. Any other end is a defect and is logged.
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
  // At the start, the state of every tenant is unknown, so all of them are caught up.
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
 * Reads and applies entries until the session fails. `owed` contains the streams in which an event may have
 * been missed. Their tenants are caught up before any further entry is applied.
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

/** Brings all tenants of the streams up to date. Retries until the list of tenants is available. */
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
 * Processes the entries one after the other. If one of them fails, the entries that were already processed
 * are acknowledged anyway.
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
 * Reports an entry that can never be applied. Returns true, so that the entry is acknowledged. Otherwise it
 * would be delivered again and again.
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

/**
 * Returns whether the signal has aborted. A function is needed, because TypeScript would assume that a
 * property checked before an await has not changed.
 */
function isOver(signal: AbortSignal): boolean {
  return signal.aborted;
}
