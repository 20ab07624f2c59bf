import type { PointerId } from '../identifiers.ts';
import type { MoveData } from './move-event.ts';

/**
 * Compares a number with the last number that a reader has read (0 before the first), in a sequence without
 * gaps. The moves of a tenant have such numbers (`seq`), and so do the moves of one pointer (`generation`).
 */
export function placeAfter(last: number, number: number): 'next' | 'seen' | 'gap' {
  if (number <= last) return 'seen';
  return number === last + 1 ? 'next' : 'gap';
}

/** The result of comparing a move with the moves that a reader has already read. */
export type Place =
  /** The move is the next one of its tenant, and moves its pointer forward. */
  | 'next'
  /** The move is at or before the last move that was read for its tenant. */
  | 'duplicate'
  /** At least one move before this one is missing. */
  | 'gap'
  /** The reader's position in this tenant's feed is not known, so the reader must start with a snapshot. */
  | 'unknown'
  /**
   * The move is the next one of its tenant, but a snapshot already contained this generation of its pointer
   * or a later one.
   */
  | 'stale';

/** A pointer, and the generation of it that a reader has. */
interface KnownPointer {
  readonly bundle: string;
  readonly channel: string;
  readonly generation: number;
}

/**
 * The known state of a tenant, from a snapshot or from the reader's own store. It includes all moves up to
 * the number `seq` of the tenant's feed.
 */
export interface Known {
  readonly seq: number;
  readonly pointers?: readonly KnownPointer[];
}

/**
 * The position of a reader: the last number in each tenant's feed, and the last generation of each pointer.
 * Both only increase.
 */
export interface MoveCursor {
  /** Compares the tenant's number first. For readers that receive every move of the tenant. */
  place(move: MoveData): Place;
  /**
   * Compares only the generation. For readers that receive the moves of some pointers. The generation of an
   * unknown pointer is 0.
   */
  placeAtPointer(move: MoveData): 'next' | 'seen' | 'gap';
  /** Records that the move was applied, or dropped because it changes nothing. */
  passed(move: MoveData): void;
  /** Records the known state of the tenant. */
  learn(tenant: string, known: Known): void;
  /** Records the generations of fetched pointers. The other pointers of their tenants stay unknown. */
  fetched(pointers: readonly (PointerId & KnownPointer)[]): void;
  /**
   * Marks the tenant's position as unknown, so that its next move requires a snapshot. Generations are kept.
   */
  doubt(tenant: string): void;
  /** Returns the last number that was read in the tenant's feed. Null if it is not known. */
  seq(tenant: string): number | null;
  /** Returns the tenants with any known state. */
  tenants(): string[];
}

interface TenantState {
  seq: number;
  /** False when moves up to `seq` may be missing. */
  isSure: boolean;
  /** The last generation of each pointer, by bundle and channel. */
  readonly generations: Map<string, number>;
}

/**
 * Creates a cursor. If the number of tenants plus pointers exceeds `maxPointers`, it forgets the tenant that
 * was updated least recently.
 */
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
