import { placeAfter } from '@pointsman/protocol/moves/move-cursor';
import type { MoveData } from '@pointsman/protocol/moves/move-event';

/**
 * The order check of a tail, which can't read pointers and can only report a gap. A move that is not the next
 * one is not trusted, and does not suppress later moves: a forged high number causes gaps for the real moves
 * instead of dropping them.
 */
export interface TailOrder {
  /**
   * Whether this is the next move of its tenant, and moves its pointer forward. In either case, the check
   * continues from its number.
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
