import type { PointerId } from '../../core/identifiers.ts';
import { moveCursor, placeAfter } from '../../core/moves/move-cursor.ts';
import type { MoveData } from '../../core/moves/move-event.ts';
import { bindingCovers, bindingCoversTenant } from './move-binding.ts';

/** What a consumer may have missed. */
export type Missed =
  /** Whatever the queue is bound for: the consumer begins, or its queue is a new one. */
  | { readonly kind: 'queue' }
  | { readonly kind: 'tenant'; readonly tenant: string }
  | { readonly kind: 'pointer'; readonly pointer: PointerId };

/** A pointer as it was fetched. */
export interface FetchedPointer extends PointerId {
  readonly generation: number;
}

export interface MoveProgress {
  /** Whether the queue may have this move at all. */
  covers(move: PointerId): boolean;
  /** What is missing before this move; null when nothing is. Of a pointer that is not known, all moves before it are. */
  missedBefore(move: MoveData): Missed | null;
  /** Whether that generation, or a later one, is here already. */
  isStale(move: MoveData): boolean;
  /** Those pointers are now at least there. */
  fetched(pointers: readonly FetchedPointer[]): void;
  /** The move is done with: applied, or dropped as stale. */
  passed(move: MoveData): void;
}

/**
 * How far one consumer is. The tenant's number shows a missing move of any pointer, but only where every move of the tenant comes by, and only
 * once one has; elsewhere the generations of each pointer show those of that pointer.
 */
export function moveProgress(bindings: readonly string[]): MoveProgress {
  // Not bounded: a pointer that was forgotten would be at 0, and an old first move, delivered again, would be applied.
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
