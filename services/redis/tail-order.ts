import { placeAfter } from '../../core/moves/move-cursor.ts';
import type { MoveData } from '../../core/moves/move-event.ts';

/**
 * How far somebody has come who can not ask what is true, only tell that it should be asked. What is not simply next is not believed, nor does
 * it silence what comes after it: a forged number that is far ahead makes the real ones be fetched, not dropped.
 */
export interface TailOrder {
  /** Whether that is the next move of its tenant, and one forward at its pointer. From here on the next is the one after it, whatever it was. */
  isNext(move: MoveData): boolean;
}

export function tailOrder(): TailOrder {
  const seqs = new Map<string, number>();
  const generations = new Map<string, number>();
  return {
    isNext: ({ tenant, bundle, channel, seq, generation }) => {
      const before = seqs.get(tenant);
      seqs.set(tenant, seq);
      const pointer = `${tenant}/${bundle}/${channel}`;
      const forward = placeAfter(generations.get(pointer) ?? 0, generation) !== 'seen';
      const next = (before === undefined || placeAfter(before, seq) === 'next') && forward;
      if (next) generations.set(pointer, generation);
      return next;
    },
  };
}
