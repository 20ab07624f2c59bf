import type { PointerId } from '../identifiers.ts';
import type { MoveData } from './move-event.ts';

/**
 * The position of a number in a sequence without gaps, for a reader that has read up to `last` (0 before the first). A tenant's moves have
 * such numbers (`seq`), and so do the moves of one pointer (`generation`).
 */
export function placeAfter(last: number, number: number): 'next' | 'seen' | 'gap' {
  if (number <= last) return 'seen';
  return number === last + 1 ? 'next' : 'gap';
}

/** The position of a move relative to a reader. */
export type Place =
  /** The next move of its tenant, and forward at its pointer. */
  | 'next'
  /** The move is at or before the last move that was read for its tenant. */
  | 'duplicate'
  /** A move before it is missing. */
  | 'gap'
  /** The reader's position in this tenant's feed is not known: it starts with a snapshot. */
  | 'unknown'
  /** The next move of its tenant, but a snapshot already had a later generation of its pointer. */
  | 'stale';

/** A pointer, and the generation that a reader has of it. */
interface KnownPointer {
  readonly bundle: string;
  readonly channel: string;
  readonly generation: number;
}

/** The state of a tenant in a snapshot or in the reader's own store: everything up to that number of its feed. */
export interface Known {
  readonly seq: number;
  readonly pointers?: readonly KnownPointer[];
}

/** A reader's position: the number of its last entry in each tenant's feed, and its last generation of each pointer. Both only increase. */
export interface MoveCursor {
  /** Compares the tenant's number first. For readers that receive every move of the tenant. */
  place(move: MoveData): Place;
  /** Compares the generation only. For readers that receive the moves of some pointers. An unknown pointer is at 0. */
  placeAtPointer(move: MoveData): 'next' | 'seen' | 'gap';
  /** The move has been applied, or dropped because it changes nothing. */
  passed(move: MoveData): void;
  /** Everything of the tenant up to that number is known. */
  learn(tenant: string, known: Known): void;
  /** These pointers were fetched. The other pointers of their tenants stay unknown. */
  fetched(pointers: readonly (PointerId & KnownPointer)[]): void;
  /** The next move of this tenant starts with a snapshot. Generations are kept. */
  doubt(tenant: string): void;
  /** Null when it is not known. */
  seq(tenant: string): number | null;
  /** The tenants with any known state. */
  tenants(): string[];
}

interface TenantState {
  seq: number;
  /** False when moves up to `seq` may be missing. */
  isSure: boolean;
  /** By bundle and channel. */
  readonly generations: Map<string, number>;
}

/** Bounded by the number of tenants plus pointers: above it, the tenant that was updated least recently is dropped. */
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
      // The tenant that was just updated is last in the map and is not dropped.
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
      // A jump of the generation is not a gap here: the tenant's numbers have none.
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
