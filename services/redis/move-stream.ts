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
 * The stream of the probe, which is never created. A write to it with NOMKSTREAM succeeds exactly when an append would.
 */
const PROBE_KEY = 'pointsman:moves:probe';

/**
 * Delivers moves to Redis streams. Each event becomes exactly one entry in its tenant's stream, even if its batch is
 * repeated. With a cache, pointers and bundles are written before their entries, so that a reader that receives an
 * entry finds them. An entry waits for the cache up to a time limit, and never fails because of it.
 */
export function redisMoveStream({
  url,
  log,
  cache: artifacts,
  layout = 'shared',
}: {
  url: string;
  log: Logger;
  /** Whether tenants share streams, or each tenant has its own. */
  layout?: StreamLayout;
  /** The source from which the cache gets bundles; null disables the cache. */
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
        // A ping is not enough, because a replica and a full Redis also respond to it. Redis checks this command like
        // any other write.
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
 * Appends a batch. An invalid position counts as none. The position is the last ID that the writer assigned, so IDs
 * ascend in each of its streams. If the writer has several streams, the position does not show where this stream ends.
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
