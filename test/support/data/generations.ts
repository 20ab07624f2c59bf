import { moveEventId, type MoveEvent } from '../../../packages/protocol/moves/move-event.ts';
import { nameOf } from '../servers/noting-runtime.ts';

/** The events that a sink received, in the order in which they arrived. */
export interface ReceivedMoves {
  /** For each pointer, by its name: the generations, without those that had arrived before. */
  readonly generations: ReadonlyMap<string, readonly number[]>;
  /** For each tenant: the numbers of its feed, without those that had arrived before. */
  readonly seqs: ReadonlyMap<string, readonly number[]>;
  /** The number of events that had arrived before. */
  readonly duplicates: number;
}

/** The events that remain for a consumer that drops every id that it has seen. */
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
