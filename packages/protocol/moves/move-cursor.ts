import type { PointerId } from '../identifiers.ts';
import type { MoveData } from './move-event.ts';

/**
 * Compares a number with the last number that a reader has read (0 if it has read none). The numbers must
 * have no gaps. That is true of the sequence numbers of a tenant's moves (`seq`) and of the generations of
 * one pointer.
 */
export function placeAfter(last: number, number: number): 'next' | 'seen' | 'gap' {
  if (number <= last) return 'seen';
  return number === last + 1 ? 'next' : 'gap';
}

/** The result of comparing a move with the moves that a reader already has. */
export type Place =
  /** The move directly follows the last move of its tenant, and its pointer moves forward. */
  | 'next'
  /** The reader already has this move: its sequence number is not higher than the last one of its tenant. */
  | 'duplicate'
  /** At least one move before this one is missing. */
  | 'gap'
  /**
   * The reader's position in the feed of this tenant is unknown, so the reader must take a snapshot first.
   */
  | 'unknown'
  /**
   * The move directly follows the last move of its tenant. But a snapshot already contained this generation
   * of its pointer, or a later one.
   */
  | 'stale';

/** A pointer, and the generation of it that the reader has. */
interface KnownPointer {
  readonly bundle: string;
  readonly channel: string;
  readonly generation: number;
}

/**
 * The state of a tenant that a reader has, from a snapshot or from its own storage. It includes all moves up
 * to the sequence number `seq`.
 */
export interface Known {
  readonly seq: number;
  readonly pointers?: readonly KnownPointer[];
}

/**
 * The position of a reader: the last sequence number of each tenant's feed, and the last generation of each
 * pointer. Neither ever decreases.
 */
export interface MoveCursor {
  /**
   * Compares a move with the position, first by the sequence number of its tenant. Meant for readers that
   * receive every move of the tenant.
   */
  place(move: MoveData): Place;
  /**
   * Compares a move with the position by its generation only. Meant for readers that do not receive every
   * move of the tenant. The generation of an unknown pointer counts as 0.
   */
  placeAtPointer(move: MoveData): 'next' | 'seen' | 'gap';
  /** Records that a move was applied, or was dropped because it changes nothing. */
  passed(move: MoveData): void;
  /** Records the state of a tenant that the reader has. */
  learn(tenant: string, known: Known): void;
  /**
   * Records the generations of pointers that the reader has fetched. Other pointers of the same tenants stay
   * unknown.
   */
  fetched(pointers: readonly (PointerId & KnownPointer)[]): void;
  /**
   * Marks the position in the tenant's feed as unknown, so that the next move of the tenant requires a
   * snapshot. The generations of its pointers are kept.
   */
  doubt(tenant: string): void;
  /** Returns the last sequence number of the tenant's feed. Returns null if it is unknown. */
  seq(tenant: string): number | null;
  /** Returns the tenants for which the cursor stores a position. */
  tenants(): string[];
}

interface TenantState {
  seq: number;
  /** False if moves up to `seq` may be missing. A snapshot is then required. */
  isSure: boolean;
  /** The last generation of each pointer of the tenant. */
  readonly generations: Map<string, number>;
}

/**
 * Creates a cursor. `maxPointers` limits the number of its tenants and pointers together. Beyond it, the
 * cursor drops the tenant that was updated least recently.
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
      // The tenant that was just updated is the last one in the map, so it is dropped last.
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
      // A gap in the generations of the pointer does not matter here. The sequence numbers of the tenant have
      // no gap, so no move is missing.
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
