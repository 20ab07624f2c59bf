import type { Logger } from 'pino';
import { ErrorReply } from 'redis';

import { moveStream, type StreamLayout } from '../../core/sink.ts';
import type { Batch, Sent, SinkTarget } from '../sinks/target.ts';
import { alreadyThere } from './already-there.ts';
import type { ArtifactReader } from './artifact-reader.ts';
import { batchCache, type BatchCache } from './batch-cache.ts';
import { BEFORE_ALL, type EntryId, entryId, idsAfter, isAfter, parseEntryId } from './entry-id.ts';
import { redisLimits } from './limits.ts';
import { redisRefusal } from './refusals.ts';
import { appendIfPast, standingAt } from './stream-append.ts';
import { type RedisClient, RedisLostError, redisWriter } from './writer.ts';

/** Never made, and so never written: whether a write to it would be taken is whether an append would. */
const PROBE_KEY = 'pointsman:moves:probe';

/**
 * The Redis streams of moves as a sink: each event is an entry of its tenant's stream, once, however often its batch is repeated. With a cache, pointers
 * and bundles are written before the entries that tell of them, so that who is woken by an entry finds them; but an entry never waits for
 * the cache longer than its limit, nor fails with it.
 */
export function redisMoveStream({
  url,
  log,
  cache: artifacts,
  layout = 'shared',
}: {
  url: string;
  log: Logger;
  /** Whether tenants share streams. */
  layout?: StreamLayout;
  /** From where the cache takes bundles; null for no cache. */
  cache: ArtifactReader | null;
}): SinkTarget {
  const redis = redisWriter({ url, log });
  const cache: BatchCache | null = artifacts === null ? null : batchCache({ url, log, artifacts });
  return {
    send: async (batch) => {
      const [first] = batch.events;
      if (first === undefined) return { count: 0, position: batch.position, stopped: null };
      await cache?.write(batch.events);
      try {
        return await redis.run(first.id, (client) => appendOnce(client, batch, layout, log));
      } catch (error) {
        const reason = refusalOf(error, log);
        return {
          count: 0,
          position: batch.position,
          stopped: { kind: 'later', reason, retryAfterMs: null },
        };
      }
    },
    probe: async () => {
      try {
        // A ping is answered by a replica and by a Redis that is full. This is judged as the write that it would be.
        await redis.run('probe', (client) => client.xAddNoMkStream(PROBE_KEY, '*', { event: 'probe' }));
        return { kind: 'well' };
      } catch (error) {
        return { kind: 'down', reason: refusalOf(error, log) };
      }
    },
    close: async () => {
      await Promise.all([redis.close(), cache?.close()]);
    },
  };
}

/**
 * A position that is no id counts as none. It is the last id that the writer gave out, so that ids rise in each of its streams. Where it has several,
 * the position says nothing of where this one ends.
 */
async function appendOnce(
  client: RedisClient,
  batch: Batch,
  layout: StreamLayout,
  log: Logger,
): Promise<Sent> {
  const { tenant, events, atMs } = batch;
  const stream = moveStream(tenant, layout);
  const position = batch.position === null ? null : parseEntryId(batch.position);
  const end = layout === 'shared' ? position : null;
  const planned = idsAfter(position ?? BEFORE_ALL, atMs, events.length);
  let [done, ids] = [0, planned];
  for (let round = 0; round < redisLimits.appendRounds; round++) {
    const entries = ids.map((id, index) => ({ id, event: JSON.stringify(events[done + index]) }));
    const answer = await appendIfPast(client, stream, entries, atMs);
    if (answer.kind === 'appended') {
      if (end !== null && isAfter(end, answer.after)) {
        log.error(
          { stream, position: batch.position, last: entryId(answer.after) },
          'Redis has lost the newest entries of a stream. Its readers take snapshots; a replay brings the entries back',
        );
      }
      return whole(batch, ids.at(-1));
    }
    const standing = await standingAt(client, stream, planned[0] ?? BEFORE_ALL);
    const named = { ids: planned, events: events.map(({ id }) => id), position: end, atMs };
    const rest = alreadyThere(named, standing);
    if (rest.adopted) {
      log.warn(
        { stream, tenant, position: batch.position, last: entryId(standing.last) },
        'The stream is not where its writer left it: going on after its last entry',
      );
    }
    if (rest.done === events.length) return whole(batch, standing.last);
    [done, ids] = [rest.done, [...rest.ids]];
  }
  const reason = 'Redis: somebody else writes to the stream';
  return { count: 0, position: batch.position, stopped: { kind: 'later', reason, retryAfterMs: null } };
}

function whole({ events, position }: Batch, last: EntryId | undefined): Sent {
  return { count: events.length, position: last === undefined ? position : entryId(last), stopped: null };
}

function refusalOf(error: unknown, log: Logger): string {
  if (error instanceof ErrorReply) log.warn({ err: error }, 'Redis said no');
  if (error instanceof ErrorReply || error instanceof RedisLostError) return redisRefusal(error);
  log.error({ err: error }, 'an append to Redis failed in an unknown way');
  return 'Redis: it did not answer as expected';
}
