import type { PointerId } from '../../core/identifiers.ts';
import type { MoveData } from '../../core/move-event.ts';
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
 * How far one consumer is, by generation for each pointer, which never goes back. The tenant's number tells of a missing move of whatever
 * pointer, but only where every move of the tenant comes by, and only once one has; elsewhere the generations of each pointer do.
 */
export function moveProgress(bindings: readonly string[]): MoveProgress {
  const generations = new Map<string, number>();
  const seqs = new Map<string, number>();
  const coversTenant = (tenant: string): boolean =>
    bindings.some((binding) => bindingCoversTenant(binding, tenant));
  return {
    covers: (move) => bindings.some((binding) => bindingCovers(binding, move)),
    missedBefore: ({ tenant, bundle, channel, seq, generation }) => {
      const pointer = { tenant, bundle, channel };
      const lastSeq = coversTenant(tenant) ? seqs.get(tenant) : undefined;
      const isNext =
        lastSeq === undefined ? generation <= (generations.get(keyOf(pointer)) ?? 0) + 1 : seq <= lastSeq + 1;
      if (isNext) return null;
      return coversTenant(tenant) ? { kind: 'tenant', tenant } : { kind: 'pointer', pointer };
    },
    isStale: (move) => move.generation <= (generations.get(keyOf(move)) ?? 0),
    fetched: (pointers) => {
      for (const pointer of pointers) raise(generations, keyOf(pointer), pointer.generation);
    },
    passed: (move) => {
      raise(generations, keyOf(move), move.generation);
      raise(seqs, move.tenant, move.seq);
    },
  };
}

function raise(map: Map<string, number>, key: string, value: number): void {
  map.set(key, Math.max(map.get(key) ?? 0, value));
}

function keyOf({ tenant, bundle, channel }: PointerId): string {
  return `${tenant}.${bundle}.${channel}`;
}
