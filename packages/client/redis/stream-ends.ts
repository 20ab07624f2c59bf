import { BEFORE_ALL, type EntryId, isAfter, parseEntryId } from '@pointsman/protocol/redis/entry-id';
import type { RedisClient } from './connection.ts';

/** The first and the last entry of a stream. */
export interface StreamEnds {
  /** The highest entry ID that the stream has assigned, even if that entry was deleted. */
  readonly last: EntryId;
  /** The ID of the oldest entry. Null if the stream is empty. */
  readonly first: EntryId | null;
  /**
   * True if any entry was ever removed from the stream. Also true if the server does not count added entries
   * (before Redis 7), because it is then unknown.
   */
  readonly trimmed: boolean;
}

export async function streamEnds(client: RedisClient, stream: string): Promise<StreamEnds> {
  if ((await client.exists(stream)) === 0) return { last: BEFORE_ALL, first: null, trimmed: false };
  const info = await client.xInfoStream(stream);
  // The client library declares this field as always present, but servers before Redis 7 do not send it.
  const added = info['entries-added'] as number | undefined;
  const first = info['first-entry']?.id;
  return {
    last: parseEntryId(info['last-generated-id']) ?? BEFORE_ALL,
    first: first === undefined ? null : parseEntryId(first),
    trimmed: added !== info.length,
  };
}

/**
 * Returns whether a reader at this position may have missed an entry, and why. An actual miss is always
 * reported. A miss may also be reported if all removed entries had been read; this only costs an unnecessary
 * snapshot.
 */
export function missedSince(
  position: EntryId,
  { last, first, trimmed }: StreamEnds,
): 'lost' | 'trimmed' | null {
  // The position is after the end of the stream, so the server has lost entries. It was killed before it
  // wrote them to disk, or it was replaced or emptied.
  if (isAfter(position, last)) return 'lost';
  const unread = isAfter(last, position);
  return trimmed && unread && (first === null || isAfter(first, position)) ? 'trimmed' : null;
}
