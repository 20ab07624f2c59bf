import { BEFORE_ALL, type EntryId, isAfter, parseEntryId } from './entry-id.ts';
import type { RedisClient } from './writer.ts';

/** Between which entries a stream is. */
export interface StreamEnds {
  /** The highest id that it ever gave out. */
  readonly last: EntryId;
  /** Its oldest entry; null when it has none. */
  readonly first: EntryId | null;
  /** Whether it has ever lost an entry. A server that does not count them (before Redis 7) counts as one that has. */
  readonly trimmed: boolean;
}

export async function streamEnds(client: RedisClient, stream: string): Promise<StreamEnds> {
  if ((await client.exists(stream)) === 0) return { last: BEFORE_ALL, first: null, trimmed: false };
  const info = await client.xInfoStream(stream);
  // Not there before Redis 7, whatever the types say.
  const added = info['entries-added'] as number | undefined;
  const first = info['first-entry']?.id;
  return {
    last: parseEntryId(info['last-generated-id']) ?? BEFORE_ALL,
    first: first === undefined ? null : parseEntryId(first),
    trimmed: added !== info.length,
  };
}

/**
 * Whether somebody who has read up to that id may have missed something. It may be told so for nothing (all that was trimmed had been read), which costs
 * a snapshot; never the other way round.
 */
export function missedSince(
  position: EntryId,
  { last, first, trimmed }: StreamEnds,
): 'lost' | 'trimmed' | null {
  // The server has lost what it had given out: killed before it had it on its disk, replaced, emptied.
  if (isAfter(position, last)) return 'lost';
  const unread = isAfter(last, position);
  return trimmed && unread && (first === null || isAfter(first, position)) ? 'trimmed' : null;
}
