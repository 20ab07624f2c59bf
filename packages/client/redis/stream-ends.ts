import { BEFORE_ALL, type EntryId, isAfter, parseEntryId } from '@pointsman/protocol/redis/entry-id';
import type { RedisClient } from './connection.ts';

/** The range of a stream's entries. */
export interface StreamEnds {
  /** The highest ID that the stream has ever assigned. */
  readonly last: EntryId;
  /** The oldest entry; null for an empty stream. */
  readonly first: EntryId | null;
  /**
   * Whether the stream has ever lost an entry. True for a server that does not count them (before Redis 7).
   */
  readonly trimmed: boolean;
}

export async function streamEnds(client: RedisClient, stream: string): Promise<StreamEnds> {
  if ((await client.exists(stream)) === 0) return { last: BEFORE_ALL, first: null, trimmed: false };
  const info = await client.xInfoStream(stream);
  // Before Redis 7, this field is missing, contrary to its type.
  const added = info['entries-added'] as number | undefined;
  const first = info['first-entry']?.id;
  return {
    last: parseEntryId(info['last-generated-id']) ?? BEFORE_ALL,
    first: first === undefined ? null : parseEntryId(first),
    trimmed: added !== info.length,
  };
}

/**
 * Returns whether a reader at this position may have missed an entry. It may report a miss although all
 * trimmed entries were read, which only costs a snapshot. It always reports an actual miss.
 */
export function missedSince(
  position: EntryId,
  { last, first, trimmed }: StreamEnds,
): 'lost' | 'trimmed' | null {
  // The server has lost entries: it was killed before it wrote them to disk, or it was replaced or emptied.
  if (isAfter(position, last)) return 'lost';
  const unread = isAfter(last, position);
  return trimmed && unread && (first === null || isAfter(first, position)) ? 'trimmed' : null;
}
