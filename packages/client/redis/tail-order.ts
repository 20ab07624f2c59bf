import { placeAfter } from '@pointsman/protocol/moves/move-cursor';
import type { MoveData } from '@pointsman/protocol/moves/move-event';

/**
 * Checks the order of moves for a tail, which can't read pointers and can only report a gap. A move with an
 * unexpected number does not suppress later moves. A forged move with a high number therefore only causes
 * gaps, and no real move is dropped.
 */
export interface TailOrder {
  /**
   * Returns whether this is the next move of its tenant and moves its pointer forward. The check then
   * continues from the number of this move, whatever the result.
   */
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
