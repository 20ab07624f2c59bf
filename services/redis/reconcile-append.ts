import { BEFORE_ALL, type EntryId, idsAfter, isAfter } from '@pointsman/protocol/redis/entry-id';

/** The content of a stream that has rejected the writer's IDs. */
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
  /** The ID of each event. */
  readonly events: readonly string[];
  readonly position: EntryId | null;
  readonly atMs: number;
}

/** The first `done` events of the batch are in the stream. The remaining events get these IDs. */
export interface Rest {
  readonly done: number;
  readonly ids: readonly EntryId[];
  /** Whether the batch's own IDs were unusable although none of its events was in the stream. */
  readonly adopted: boolean;
}

/**
 * Interprets a rejected append. A batch is appended whole or not at all, the stream has one writer, and no
 * try of a batch uses an ID below the first ID of its first try. The cases are:
 * - Our events are at or after these IDs: an earlier try succeeded, at these IDs or after the entries that it
 * found. Other events of the stream may follow.
 * - No entry exists there although our position is known: the entries, including ours, were trimmed. They
 * were older than the retention window.
 * - Anything else: none of our events was appended. The rest keeps its own IDs, or gets IDs after the
 * stream's last one if that is higher.
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
  // Without our first event, these entries belong to another batch with some of our events: the writer was
  // rewound.
  return there.has(events[0] ?? null) || isFrontTrimmed ? newest + 1 : 0;
}
