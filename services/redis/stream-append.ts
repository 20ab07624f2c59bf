import { ErrorReply } from 'redis';
import { z } from 'zod';

import { feedLimits } from '@pointsman/protocol/limits';
import { appendLimits } from './limits.ts';
import type { StreamContent } from './reconcile-append.ts';
import { BEFORE_ALL, type EntryId, entryId, parseEntryId } from '@pointsman/protocol/redis/entry-id';
import { entryEventId, EVENT_FIELD } from '@pointsman/protocol/redis/stream-entry';
import type { RedisClient } from '@pointsman/client/internal/redis/connection';

/**
 * This is a script, because a pipeline of XADDs can accept a later entry after an earlier one was rejected (the memory
 * was full for a moment, or the server was a replica until then). The earlier entry could then never be added before
 * the later one. In the script, the first rejection stops it before any write. Because the IDs ascend, no later entry
 * is rejected. The script appends all entries or none, also in the append-only file. It has one response instead of
 * 500, and appends 1.6 to 2.4 times as many moves per second as a pipeline (measured on two busy cores).
 */
const APPEND = `
local last = '0-0'
local info = redis.call('EXISTS', KEYS[1]) == 1 and redis.call('XINFO', 'STREAM', KEYS[1]) or {}
for i = 1, #info, 2 do
  if info[i] == 'last-generated-id' then last = info[i + 1] end
end
for i = 3, #ARGV, 2 do
  redis.call('XADD', KEYS[1], ARGV[i], '${EVENT_FIELD}', ARGV[i + 1])
end
redis.call('XTRIM', KEYS[1], 'MINID', '~', ARGV[1])
redis.call('XTRIM', KEYS[1], 'MAXLEN', '~', ARGV[2])
return last`;

export interface NewEntry {
  readonly id: EntryId;
  readonly event: string;
}

export type Appended =
  /** `after` is the last ID of the stream before the append. */
  { readonly kind: 'appended'; readonly after: EntryId } | { readonly kind: 'refused' };

/**
 * Appends all entries and trims the stream. If the stream already has an ID at or above the first new ID, changes
 * nothing.
 */
export async function appendIfPast(
  client: RedisClient,
  stream: string,
  entries: readonly NewEntry[],
  atMs: number,
): Promise<Appended> {
  const oldest = String(Math.max(0, Math.trunc(atMs) - feedLimits.retentionMs));
  const pairs = entries.flatMap(({ id, event }) => [entryId(id), event]);
  try {
    const last = await client.eval(APPEND, {
      keys: [stream],
      arguments: [oldest, String(feedLimits.streamEntries), ...pairs],
    });
    return { kind: 'appended', after: parseEntryId(z.string().parse(last)) ?? BEFORE_ALL };
  } catch (error) {
    if (error instanceof ErrorReply && error.message.includes('equal or smaller')) return { kind: 'refused' };
    throw error;
  }
}

/**
 * Reads the entries of a stream from this ID onwards, and its last ID. The two reads are not atomic. This is safe:
 * entries never change, and an append based on outdated data is rejected again.
 */
export async function contentFrom(
  client: RedisClient,
  stream: string,
  from: EntryId,
): Promise<StreamContent> {
  const info = await client.xInfoStream(stream);
  const first = info['first-entry']?.id;
  return {
    last: parseEntryId(info['last-generated-id']) ?? BEFORE_ALL,
    first: first === undefined ? null : parseEntryId(first),
    since: await eventsFrom(client, stream, from),
  };
}

/** The entries are read in pages, because Redis runs no other command during a read. */
async function eventsFrom(client: RedisClient, stream: string, from: EntryId): Promise<(string | null)[]> {
  const events: (string | null)[] = [];
  let start = entryId(from);
  for (let page = 0; page < appendLimits.readBack.pages; page++) {
    const entries = (await client.xRange(stream, start, '+', { COUNT: appendLimits.readBack.entries })) ?? [];
    events.push(...entries.map(({ message }) => entryEventId(message)));
    const last = entries.at(-1);
    if (last === undefined || entries.length < appendLimits.readBack.entries) break;
    start = `(${last.id}`;
  }
  return events;
}
