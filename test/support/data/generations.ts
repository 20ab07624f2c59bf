import { moveEventId, type MoveEvent } from '../../../packages/protocol/moves/move-event.ts';
import { nameOf } from '../servers/noting-runtime.ts';

/** What a sink was told, in the order in which it came. */
export interface Told {
  /** Of each pointer, by its name, the generations without those that had come before. */
  readonly generations: ReadonlyMap<string, readonly number[]>;
  /** Of each tenant the numbers of its feed, likewise. */
  readonly seqs: ReadonlyMap<string, readonly number[]>;
  /** Events that had come before. */
  readonly duplicates: number;
}

/** What somebody who drops the ids that it has seen is left with. */
export function toldOf(events: readonly MoveEvent[]): Told {
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
