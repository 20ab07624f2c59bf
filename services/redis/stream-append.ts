import { ErrorReply } from 'redis';
import { z } from 'zod';

import { feedLimits } from '@pointsman/protocol/limits';
import { appendLimits } from './limits.ts';
import type { StreamContent } from './reconcile-append.ts';
import { BEFORE_ALL, type EntryId, entryId, parseEntryId } from '@pointsman/protocol/redis/entry-id';
import { entryEventId, EVENT_FIELD } from '@pointsman/protocol/redis/stream-entry';
import type { RedisClient } from '@pointsman/client/internal/redis/connection';

/**
 * A Lua script that appends a batch and trims the stream. It returns the last entry ID before the append.
 *
 * A pipeline of XADD commands is not used, because Redis could reject an entry and accept a later one. This happens
 * if the memory was full for a moment, or the server was a replica until then. The rejected entry could never be
 * inserted before the later one. In the script, all entries are appended or none, also in the append-only file. Only
 * the first XADD can be rejected, because the IDs ascend.
 *
 * The script also has a single response instead of 500. It appends 1.6 to 2.4 times as many moves per second as a
 * pipeline, measured on two busy cores.
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
  /** The entries were appended. `after` is the last entry ID of the stream before the append. */
  { readonly kind: 'appended'; readonly after: EntryId } | { readonly kind: 'refused' };

/**
 * Appends all entries and trims the stream. If the stream has already assigned an ID at or above that of the first
 * entry, nothing changes and the result is `refused`.
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
 * Reads the last ID of a stream, and its entries from the ID `from` onwards. The two reads are not atomic, and other
 * entries may be appended between them. This is safe, because entries never change, and an append with outdated IDs
 * is rejected again.
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

/**
 * Reads the event IDs of the entries from the ID `from` onwards. They are read in pages, because Redis executes no
 * other command during a read.
 */
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
