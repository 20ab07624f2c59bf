import { moveEventId, type MoveEvent } from '../../../packages/protocol/moves/move-event.ts';
import { nameOf } from '../servers/noting-runtime.ts';

/** The events that a sink received, in the order in which they arrived. */
export interface ReceivedMoves {
  /** For each pointer, by name: the generations in order of arrival, without duplicates. */
  readonly generations: ReadonlyMap<string, readonly number[]>;
  /** For each tenant: the feed numbers in order of arrival, without duplicates. */
  readonly seqs: ReadonlyMap<string, readonly number[]>;
  /** The number of events whose id had already arrived. */
  readonly duplicates: number;
}

/** Removes duplicates as a consumer does that drops every id it has already seen. */
export function withoutRepetitions(events: readonly MoveEvent[]): ReceivedMoves {
  const seen = new Set<string>();
  const generations = new Map<string, number[]>();
  const seqs = new Map<string, number[]>();
  for (const { data } of events) {
    const id = moveEventId(data);
    if (seen.has(id)) continue;
    seen.add(id);
    append(generations, nameOf(data), data.generation);
    append(seqs, data.tenant, data.seq);
  }
  return { generations, seqs, duplicates: events.length - seen.size };
}

function append(map: Map<string, number[]>, key: string, value: number): void {
  const before = map.get(key);
  if (before === undefined) map.set(key, [value]);
  else before.push(value);
}
