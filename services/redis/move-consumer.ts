import { feedLimits } from '../../core/limits/distribution-limits.ts';
import { moveStream, partitionStream } from '../../core/sink.ts';
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
import { readerLimits } from './limits.ts';
import { isRedisFailure, type ReaderSession, readerSessions, unlessAborted } from './reader-sessions.ts';
import { latestInStreams, type SequenceLag, sequenceLags } from './sequence-lag.ts';
import { readEntry } from './stream-entry.ts';
import { redisWriter } from './writer.ts';

export interface MoveConsumer {
  counts(): Readonly<ConsumerCounts>;
  /** How far behind it is, by the tenants' own numbers. Of somewhere else the latest ones may be given; else those of the newest entries. */
  lag(latest?: ReadonlyMap<string, number>): Promise<SequenceLag[]>;
  /** Waits for the handler that runs, unless that does not end; what it has applied is acknowledged. Can be repeated. */
  stop(): Promise<void>;
}

/**
 * Applies the moves of the streams as a member of a consumer group: each tenant's in order, each once as far as it can know, none that goes back. It
 * acknowledges after it has applied. Whatever may have been missed begins with a snapshot: at its start, in a group that had to be made, after a
 * server that has lost entries, past a trimmed entry, at a jump of a tenant's number. Connects again by itself, until it is stopped.
 */
export function startMoveConsumer(options: MoveConsumerOptions): MoveConsumer {
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
  // It ends with the signal alone; what else ends it is a mistake of ours, which is to be heard of.
  const ended = run.catch((error: unknown) =>
    options.log.fatal({ err: error }, 'a consumer of moves has ended'),
  );
  const asking = redisWriter(options);
  return {
    counts: () => ({ ...counts }),
    lag: async (latest) => {
      const newest = latest ?? (await asking.run('lag', (client) => latestInStreams(client, streams)));
      const { cursor } = applier;
      const known = new Map(cursor.tenants().map((tenant) => [tenant, cursor.seq(tenant)]));
      return sequenceLags(newest, known);
    },
    stop: async () => {
      stopping.abort();
      await Promise.race([ended, unlessAborted(readerLimits.stopMs, AbortSignal.any([]))]);
      await asking.close();
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
  // Of nobody anything is known, so far.
  await catchUpAll(consuming, new Set(streams), true);
  const owed = new Set<string>();
  for await (const session of readerSessions({ url, log, signal })) {
    try {
      for (const stream of await attach(session, member, streams)) owed.add(stream);
      await consumeSession(consuming, session, member, owed);
    } catch (error) {
      if (!isRedisFailure(error)) throw error;
      if (!signal.aborted) log.warn({ err: error, group, consumer }, 'a consumer of moves has lost Redis');
    }
  }
}

/** `owed`: streams of which something may have been missed. Nothing more of any is applied before that is made good. */
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
    await makeGood(consuming, owed);
    await takeEntries(consuming, session, entries);
  };
  for (const stream of await pendingTrimmed(session, member)) owed.add(stream);
  await makeGood(consuming, owed);
  for await (const entries of ownPending(session, member)) await take({ entries, missed: [] });
  while (!isOver(signal)) {
    await makeGood(consuming, owed);
    if (performance.now() >= claimAt) {
      for (const stream of await pendingTrimmed(session, member)) owed.add(stream);
      await makeGood(consuming, owed);
      const claimed = await reclaim(session, member, claimIdleMs);
      counts.reclaimed += claimed.entries.length;
      await take(claimed);
      await applier.retryOwed();
      claimAt = performance.now() + claimEveryMs;
    }
    await take(await readNew(session, member));
  }
}

async function makeGood(consuming: Consuming, owed: Set<string>): Promise<void> {
  if (owed.size === 0) return;
  consuming.counts.gaps += owed.size;
  await catchUpAll(consuming, owed, false);
  if (!consuming.signal.aborted) owed.clear();
}

/** Every tenant of those streams, however often it takes to learn who they are. */
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
      options.log.error({ err: error }, 'a consumer can not learn whose moves it may have missed');
      await unlessAborted(readerLimits.applyBackoff.maxMs, signal);
    }
  }
}

/** One after the other. What was done is acknowledged even when the rest is not reached. */
async function takeEntries(
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

/** Nobody could ever apply it, so that it is acknowledged: it would come back for ever. */
function reject(
  options: MoveConsumerOptions,
  counts: ConsumerCounts,
  { stream, id }: GroupEntry,
  why: Rejection,
): true {
  counts.rejected++;
  const entry: RejectedEntry = { stream, id, why };
  options.log.warn(entry, 'an entry of a stream is no move that can be applied');
  try {
    options.rejected?.(entry);
  } catch (error) {
    options.log.error({ err: error }, 'what was to hear of a rejected entry has failed');
  }
  return true;
}

/** Asked anew each time: the compiler believes that what it has seen of a signal stays so. */
function isOver(signal: AbortSignal): boolean {
  return signal.aborted;
}
