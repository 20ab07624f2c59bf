import type { PointerId } from '@pointsman/protocol/identifiers';
import { moveCursor, placeAfter } from '@pointsman/protocol/moves/move-cursor';
import type { MoveData } from '@pointsman/protocol/moves/move-event';
import { bindingCovers, bindingCoversTenant } from './move-binding.ts';

/** The moves that a consumer may have missed. */
export type Missed =
  /** Any move that the queue is bound for: the consumer has just started, or its queue is new. */
  | { readonly kind: 'queue' }
  | { readonly kind: 'tenant'; readonly tenant: string }
  | { readonly kind: 'pointer'; readonly pointer: PointerId };

/** A pointer with its fetched generation. */
export interface FetchedPointer extends PointerId {
  readonly generation: number;
}

export interface MoveProgress {
  /** Whether the queue's bindings match this move. */
  covers(move: PointerId): boolean;
  /**
   * The moves that are missing before this one; null if none is. For an unknown pointer, all earlier moves
   * are missing.
   */
  missedBefore(move: MoveData): Missed | null;
  /** Whether this generation or a newer one was already applied. */
  isStale(move: MoveData): boolean;
  /** Records the fetched generations as lower bounds. */
  fetched(pointers: readonly FetchedPointer[]): void;
  /** Records the move as processed: applied, or dropped as stale. */
  passed(move: MoveData): void;
}

/**
 * The progress of one consumer. A tenant's sequence number shows a missing move of any pointer, but only if
 * the bindings match every move of the tenant, and only after the first one. Otherwise the generations of
 * each pointer show the missing moves of that pointer.
 */
export function moveProgress(bindings: readonly string[]): MoveProgress {
  // Unbounded: a forgotten pointer would be at generation 0, and a redelivered old move would then be
  // applied.
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
