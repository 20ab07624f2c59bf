import { BEFORE_ALL, type EntryId, idsAfter, isAfter } from './entry-id.ts';

/** What a writer finds in a stream that has refused its ids. */
export interface Standing {
  /** The highest id that it ever gave out, whether or not that entry is still there. */
  readonly last: EntryId;
  /** Its oldest entry; null when there is none. */
  readonly first: EntryId | null;
  /** The ids of the events that stand at the first of the refused ids and behind it, in their order; null for an entry that is no event. */
  readonly since: readonly (string | null)[];
}

export interface Batched {
  readonly ids: readonly EntryId[];
  /** The ids of the events, one for each. */
  readonly events: readonly string[];
  readonly position: EntryId | null;
  readonly atMs: number;
}

/** So many of the batch are there, from its front. What is left gets these ids. */
export interface Rest {
  readonly done: number;
  readonly ids: readonly EntryId[];
  /** Whether the batch's own ids were of no use, although nothing of it was there. */
  readonly adopted: boolean;
}

/**
 * What a refusal means. A batch is appended whole or not at all, there is one writer, and no try of a batch stands before the first id of its
 * first try. So:
 * - Our events stand there or behind: an earlier try has come through, at these ids or after what it found. Others of the stream may have come since.
 * - Nothing at all stands there, although we know where we stood: what there was has been trimmed, ours with it, and nobody misses what is older than its window.
 * - Anything else: nothing of ours has come through.
 * What is left goes on at its own ids, or after the last one of the stream where that is past them.
 */
export function alreadyThere(batch: Batched, standing: Standing): Rest {
  const done = doneOf(batch, standing);
  const own = batch.ids.slice(done);
  const [next] = own;
  const isPast = next !== undefined && !isAfter(next, standing.last);
  return {
    done,
    ids: isPast ? idsAfter(standing.last, batch.atMs, own.length) : own,
    adopted: isPast && done === 0,
  };
}

function doneOf({ ids, events, position }: Batched, { last, first, since }: Standing): number {
  if (since.length === 0) return position === null ? 0 : ids.filter((id) => !isAfter(id, last)).length;
  const there = new Set(since);
  const newest = events.findLastIndex((event) => there.has(event));
  const begin = ids[0] ?? BEFORE_ALL;
  const isFrontTrimmed = first !== null && isAfter(first, begin);
  // Without our first one it is another batch that had some of our events: the writer has been told to go back.
  return there.has(events[0] ?? null) || isFrontTrimmed ? newest + 1 : 0;
}
