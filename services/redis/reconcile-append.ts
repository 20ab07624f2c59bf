import { BEFORE_ALL, type EntryId, idsAfter, isAfter } from '@pointsman/protocol/redis/entry-id';

/** The content of a stream that has rejected the IDs of the writer's batch. */
export interface StreamContent {
  /** The highest ID that the stream has ever assigned, even if that entry no longer exists. */
  readonly last: EntryId;
  /** The oldest entry; null for an empty stream. */
  readonly first: EntryId | null;
  /**
   * The event IDs of the entries from the first rejected ID onwards, in order. Null for an entry without an
   * event.
   */
  readonly since: readonly (string | null)[];
}

export interface Batched {
  readonly ids: readonly EntryId[];
  /** The ID of each event in the batch. */
  readonly events: readonly string[];
  readonly position: EntryId | null;
  readonly atMs: number;
}

/**
 * The number of events at the front of the batch that are already in the stream, and the IDs for the remaining events.
 */
export interface Rest {
  readonly done: number;
  readonly ids: readonly EntryId[];
  /** True if the batch's own IDs were unusable although none of its events was in the stream. */
  readonly adopted: boolean;
}

/**
 * Determines how to continue after a rejected append. A batch is appended whole or not at all, the stream has one
 * writer, and no attempt uses an ID below the first ID of the batch's first attempt. The cases are:
 * - The batch's events are at or after these IDs: an earlier attempt succeeded, with these IDs or with IDs after
 *   existing entries. Other events of the stream may follow.
 * - There are no entries from these IDs on although the writer's position is known: the entries, including those of the
 *   batch, were trimmed because they were older than the retention window.
 * - Otherwise none of the events was appended. The rest of the batch keeps its IDs, or gets IDs after the stream's last
 *   ID if that is higher.
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
  // If the first event is missing, these entries belong to another batch that has some of the same events, because the
  // writer was rewound.
  return there.has(events[0] ?? null) || isFrontTrimmed ? newest + 1 : 0;
}
