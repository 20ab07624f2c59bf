import { placeAfter } from '@pointsman/protocol/moves/move-cursor';
import type { MoveData } from '@pointsman/protocol/moves/move-event';

/**
 * Checks the order of moves for a tail, which can only report a gap because it does not read pointers.
 *
 * A move with an unexpected number is reported as a gap, but never prevents later moves from being yielded. A
 * forged move with a high number therefore causes unnecessary gaps, but no real move is lost.
 */
export interface TailOrder {
  /**
   * Returns whether this move directly follows the last move of its tenant, and has a higher generation than
   * the last move of its pointer. Whatever the result, the next call compares with this move.
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
