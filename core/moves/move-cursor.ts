import type { PointerId } from '../identifiers.ts';
import type { MoveData } from './move-event.ts';

/**
 * Where a number is in a sequence without gaps, for a reader that has read up to `last` (0 before the first). A tenant's moves have such
 * numbers (`seq`), and so do those of one pointer (`generation`).
 */
export function placeAfter(last: number, number: number): 'next' | 'seen' | 'gap' {
  if (number <= last) return 'seen';
  return number === last + 1 ? 'next' : 'gap';
}

/** Where a move is for a reader. */
export type Place =
  /** The next one of its tenant, and forward at its pointer. */
  | 'next'
  /** At or before what has been read of its tenant. */
  | 'duplicate'
  /** A move before it is missing. */
  | 'gap'
  /** How far the reader is in the feed of this tenant is not known: it begins with a snapshot. */
  | 'unknown'
  /** The next one of its tenant, but its pointer has been further, as a snapshot said. */
  | 'stale';

/** A pointer, and the generation that a reader has of it. */
interface KnownPointer {
  readonly bundle: string;
  readonly channel: string;
  readonly generation: number;
}

/** What a snapshot, or the reader's own store, has of a tenant: everything up to that number of its feed. */
export interface Known {
  readonly seq: number;
  readonly pointers?: readonly KnownPointer[];
}

/** A reader's position: the number of its last entry in each tenant's feed, and its last generation of each pointer. Both only increase. */
export interface MoveCursor {
  /** Judges by the tenant's number first. For readers that are given every move of the tenant. */
  place(move: MoveData): Place;
  /** Judges by the generation alone. For readers that are given the moves of some pointers; a pointer that is not known is at 0. */
  placeAtPointer(move: MoveData): 'next' | 'seen' | 'gap';
  /** The move has been applied, or dropped as one that changes nothing. */
  passed(move: MoveData): void;
  /** Everything of the tenant up to there is known. */
  learn(tenant: string, known: Known): void;
  /** Those pointers were fetched; what else there is of their tenants is as unknown as before. */
  fetched(pointers: readonly (PointerId & KnownPointer)[]): void;
  /** The next move of this tenant begins with a snapshot. Generations are kept. */
  doubt(tenant: string): void;
  /** Null when that is not known. */
  seq(tenant: string): number | null;
  /** Those of which anything is known. */
  tenants(): string[];
}

interface TenantState {
  seq: number;
  /** False where moves up to `seq` may be missing. */
  isSure: boolean;
  /** By bundle and channel. */
  readonly generations: Map<string, number>;
}

/** Bounded by the sum of tenants and pointers: past it, the tenant that was updated least recently is forgotten. */
export function moveCursor(maxPointers: number): MoveCursor {
  const states = new Map<string, TenantState>();
  let pointers = 0;

  const touch = (tenant: string): TenantState => {
    const state = states.get(tenant) ?? { seq: 0, isSure: false, generations: new Map<string, number>() };
    states.delete(tenant);
    states.set(tenant, state);
    return state;
  };
  const raise = (state: TenantState, pointer: KnownPointer): void => {
    const key = keyOf(pointer);
    const before = state.generations.get(key);
    if (before === undefined) pointers++;
    state.generations.set(key, Math.max(before ?? 0, pointer.generation));
  };
  const bound = (): void => {
    for (const [tenant, state] of states) {
      // The tenant that was just updated is the last one, and does not make room for itself.
      if (pointers + states.size <= maxPointers || states.size === 1) return;
      pointers -= state.generations.size;
      states.delete(tenant);
    }
  };
  const placeAtPointer = (move: MoveData): 'next' | 'seen' | 'gap' =>
    placeAfter(states.get(move.tenant)?.generations.get(keyOf(move)) ?? 0, move.generation);

  return {
    place: (move) => {
      const state = states.get(move.tenant);
      if (state === undefined) return 'unknown';
      const place = placeAfter(state.seq, move.seq);
      if (place === 'seen') return 'duplicate';
      if (!state.isSure) return 'unknown';
      if (place === 'gap') return 'gap';
      // A jump of the generation is no gap here: the numbers of the tenant have none.
      return placeAtPointer(move) === 'seen' ? 'stale' : 'next';
    },
    placeAtPointer,
    passed: (move) => {
      const state = touch(move.tenant);
      state.seq = Math.max(state.seq, move.seq);
      raise(state, move);
      bound();
    },
    learn: (tenant, { seq, pointers: known = [] }) => {
      const state = touch(tenant);
      state.seq = Math.max(state.seq, seq);
      state.isSure = true;
      for (const pointer of known) raise(state, pointer);
      bound();
    },
    fetched: (known) => {
      for (const pointer of known) raise(touch(pointer.tenant), pointer);
      bound();
    },
    doubt: (tenant) => {
      const state = states.get(tenant);
      if (state !== undefined) state.isSure = false;
    },
    seq: (tenant) => {
      const state = states.get(tenant);
      return state?.isSure === true ? state.seq : null;
    },
    tenants: () => [...states.keys()],
  };
}

function keyOf({ bundle, channel }: Pick<PointerId, 'bundle' | 'channel'>): string {
  return `${bundle}/${channel}`;
}
