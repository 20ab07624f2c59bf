import type { PointerId } from '@pointsman/protocol/identifiers';
import { moveCursor, placeAfter } from '@pointsman/protocol/moves/move-cursor';
import type { MoveData } from '@pointsman/protocol/moves/move-event';
import { bindingCovers, bindingCoversTenant } from './move-binding.ts';

/** The moves that a consumer may have missed: those of the whole queue, of one tenant, or of one pointer. */
export type Missed =
  /** The consumer may have missed moves of every tenant, because it has just started or its queue is new. */
  | { readonly kind: 'queue' }
  | { readonly kind: 'tenant'; readonly tenant: string }
  | { readonly kind: 'pointer'; readonly pointer: PointerId };

/** A pointer, and the generation that was read from the API. */
export interface FetchedPointer extends PointerId {
  readonly generation: number;
}

export interface MoveProgress {
  /** Returns whether a binding of the queue matches this move. */
  covers(move: PointerId): boolean;
  /**
   * Returns which moves are missing before this one, or null if no move is missing. If the pointer is
   * unknown, all its earlier moves are missing.
   */
  missedBefore(move: MoveData): Missed | null;
  /** Returns whether this generation of the pointer or a newer one was already applied. */
  isStale(move: MoveData): boolean;
  /**
   * Records generations that were read from the API. Older moves of these pointers are stale from then on.
   */
  fetched(pointers: readonly FetchedPointer[]): void;
  /** Records that the move was processed: it was applied, or it was dropped as stale. */
  passed(move: MoveData): void;
}

/**
 * Records which moves one consumer has processed, and detects missing ones.
 *
 * If the bindings match every move of a tenant, a gap in the tenant's sequence numbers shows a missing move
 * of any of its pointers. That works from the tenant's second move on. If they do not match every move, only
 * a gap in the generations of a pointer shows a missing move, and only of that pointer.
 */
export function moveProgress(bindings: readonly string[]): MoveProgress {
  // The cursor has no size limit. If it dropped a pointer, the pointer's generation would count as 0, and the
  // redelivery of an old move would be applied.
  const cursor = moveCursor(Number.POSITIVE_INFINITY);
  const coversTenant = (tenant: string): boolean =>
    bindings.some((binding) => bindingCoversTenant(binding, tenant));
  return {
    covers: (move) => bindings.some((binding) => bindingCovers(binding, move)),
    missedBefore: (move) => {
      const { tenant, bundle, channel, seq } = move;
      const last = cursor.seq(tenant);
      const place = last === null ? cursor.placeAtPointer(move) : placeAfter(last, seq);
      if (place !== 'gap') return null;
      if (coversTenant(tenant)) return { kind: 'tenant', tenant };
      return { kind: 'pointer', pointer: { tenant, bundle, channel } };
    },
    isStale: (move) => cursor.placeAtPointer(move) === 'seen',
    fetched: (pointers) => cursor.fetched(pointers),
    passed: (move) => {
      cursor.passed(move);
      if (coversTenant(move.tenant)) cursor.learn(move.tenant, { seq: move.seq });
    },
  };
}
