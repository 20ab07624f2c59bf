import { BEFORE_ALL, type EntryId, idsAfter, isAfter } from '@pointsman/protocol/redis/entry-id';

/** The state of a stream that has rejected the entry IDs of a batch. */
export interface StreamContent {
  /** The last ID that was ever assigned in the stream. The entry with this ID may have been trimmed. */
  readonly last: EntryId;
  /** The ID of the oldest entry. It is null if the stream is empty. */
  readonly first: EntryId | null;
  /**
   * The event ID of each entry from the first rejected ID onwards, in order. An element is null if the entry contains
   * no event.
   */
  readonly since: readonly (string | null)[];
}

export interface Batched {
  readonly ids: readonly EntryId[];
  /** The IDs of the batch's events, in order. */
  readonly events: readonly string[];
  readonly position: EntryId | null;
  readonly atMs: number;
}

/** What remains to be appended: all events of the batch except for the first `done`, with their entry IDs. */
export interface Rest {
  readonly done: number;
  readonly ids: readonly EntryId[];
  /**
   * True if none of the batch's events is in the stream, but the stream has already assigned IDs at or above those of
   * the batch.
   */
  readonly adopted: boolean;
}

/**
 * Determines how to continue after the stream has rejected the entry IDs of a batch. It relies on three facts. A
 * batch is appended completely or not at all. The stream has one writer. The entry IDs of a repeated attempt are not
 * below those of the first attempt. There are three cases:
 *
 * - The stream contains the events of the batch, at these IDs or above. An earlier attempt has succeeded. Other
 *   events may follow them.
 * - The stream contains no entries at these IDs or above, although the writer's position is known. The batch was
 *   appended, and its entries were trimmed because they are older than the retention time.
 * - Otherwise none of the events was appended. They keep their entry IDs if the IDs are above the last ID of the
 *   stream. If not, they get new IDs above it.
 */
export function reconcileAppend(batch: Batched, standing: StreamContent): Rest {
  const done = appendedCount(batch, standing);
  const own = batch.ids.slice(done);
  const [next] = own;
  const isPast = next !== undefined && !isAfter(next, standing.last);
  return {
    done,
    ids: isPast ? idsAfter(standing.last, batch.atMs, own.length) : own,
    adopted: isPast && done === 0,
  };
}

function appendedCount({ ids, events, position }: Batched, { last, first, since }: StreamContent): number {
  if (since.length === 0) return position === null ? 0 : ids.filter((id) => !isAfter(id, last)).length;
  const there = new Set(since);
  const newest = events.findLastIndex((event) => there.has(event));
  const begin = ids[0] ?? BEFORE_ALL;
  const isFrontTrimmed = first !== null && isAfter(first, begin);
  // If the first event of the batch is missing and was not trimmed, these entries belong to another batch with some
  // of the same events. This happens after the writer was reset to an earlier move. In that case no event counts as
  // appended.
  return there.has(events[0] ?? null) || isFrontTrimmed ? newest + 1 : 0;
}
