import type { Logger } from 'pino';
import { ErrorReply } from 'redis';

import { moveStream, type StreamLayout } from '@pointsman/protocol/sinks/sink';
import type { Batch, Sent, SinkTarget } from '../sinks/target.ts';
import { reconcileAppend } from './reconcile-append.ts';
import type { ArtifactReader } from './artifact-reader.ts';
import { batchCache, type BatchCache } from './batch-cache.ts';
import {
  BEFORE_ALL,
  type EntryId,
  entryId,
  idsAfter,
  isAfter,
  parseEntryId,
} from '@pointsman/protocol/redis/entry-id';
import { appendLimits } from './limits.ts';
import { redisRefusal } from '@pointsman/client/internal/redis/refusals';
import { appendIfPast, contentFrom } from './stream-append.ts';
import { type RedisClient, RedisLostError, redisWriter } from '@pointsman/client/internal/redis/connection';

/**
 * The stream to which the probe tries to append. It does not exist, and NOMKSTREAM prevents the probe from creating
 * it. The command succeeds if Redis would accept an append to another stream.
 */
const PROBE_KEY = 'pointsman:moves:probe';

/**
 * Creates a sink target that appends moves to Redis streams. Each event results in exactly one entry, even if its
 * batch is repeated.
 *
 * If `cache` is given, pointers and bundles are cached before the entries are appended. A reader that receives an
 * entry then usually finds its bundle. The entries are appended without the cache if caching fails or exceeds its
 * time limit.
 */
export function redisMoveStream({
  url,
  log,
  cache: artifacts,
  layout = 'shared',
}: {
  url: string;
  log: Logger;
  /** Whether the tenants of a partition share a stream, or each tenant has its own stream. */
  layout?: StreamLayout;
  /** Reads the bundles to cache. Null disables the cache. */
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
        // A PING is not sufficient, because a read-only replica and a Redis without free memory also respond to it.
        // Redis refuses this command in the same cases as any other write.
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
 * Appends a batch to its stream exactly once. `batch.position` is the last entry ID that this writer has assigned, in
 * any of its streams. New IDs are above it, so the IDs in each stream ascend. If each tenant has its own stream, the
 * position is not necessarily the end of this stream. An invalid position is ignored.
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
  for (let round = 0; round < appendLimits.rounds; round++) {
    const entries = ids.map((id, index) => ({ id, event: JSON.stringify(events[done + index]) }));
    const appended = await appendIfPast(client, stream, entries, atMs);
    if (appended.kind === 'appended') {
      if (end !== null && isAfter(end, appended.after)) {
        log.error(
          { stream, position: batch.position, last: entryId(appended.after) },
          'Redis has lost the newest entries of a stream. Its readers take snapshots; a replay restores the entries',
        );
      }
      return sentAll(batch, ids.at(-1));
    }
    const content = await contentFrom(client, stream, planned[0] ?? BEFORE_ALL);
    const named = { ids: planned, events: events.map(({ id }) => id), position: end, atMs };
    const rest = reconcileAppend(named, content);
    if (rest.adopted) {
      log.warn(
        { stream, tenant, position: batch.position, last: entryId(content.last) },
        'The stream has changed since its writer last appended: continuing after its last entry',
      );
    }
    if (rest.done === events.length) return sentAll(batch, content.last);
    [done, ids] = [rest.done, [...rest.ids]];
  }
  const reason = 'Redis: another client writes to the stream';
  return { count: 0, position: batch.position, stopped: { kind: 'later', reason, retryAfterMs: null } };
}

function sentAll({ events, position }: Batch, last: EntryId | undefined): Sent {
  return { count: events.length, position: last === undefined ? position : entryId(last), stopped: null };
}

function refusalOf(error: unknown, log: Logger): string {
  if (error instanceof ErrorReply) log.warn({ err: error }, 'Redis rejected a command');
  if (error instanceof ErrorReply || error instanceof RedisLostError) return redisRefusal(error);
  log.error({ err: error }, 'an append to Redis failed in an unknown way');
  return 'Redis: it returned an unexpected response';
}
