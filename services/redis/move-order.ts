import type { MoveData } from '../../core/move-event.ts';

/** Where an event stands for somebody who has come so far. */
export type Place =
  /** The very next one of its tenant. */
  | 'next'
  /** At or before what has been seen. */
  | 'duplicate'
  /** Something before it was missed. */
  | 'gap'
  /** Nothing is known of its tenant. */
  | 'unknown'
  /** Next in its tenant's feed, but its pointer has been further. */
  | 'stale';

/** What a snapshot, or a store, says of a tenant. */
export interface Known {
  /** It has everything up to that number of the tenant's feed. */
  readonly seq: number;
  readonly pointers?: readonly {
    readonly bundle: string;
    readonly channel: string;
    readonly generation: number;
  }[];
}

/** How far somebody has come, in each tenant's feed and at each pointer. Never goes back. */
export interface MoveOrder {
  place(move: MoveData): Place;
  /** It has been applied. */
  passed(move: MoveData): void;
  /** Everything up to there is known. */
  learn(tenant: string, known: Known): void;
  /** What comes next of this tenant is to begin with a snapshot. Generations are not forgotten. */
  doubt(tenant: string): void;
  /** Null when that is not known. */
  seq(tenant: string): number | null;
  /** Those of whom something is known. */
  tenants(): string[];
}

interface State {
  seq: number;
  sure: boolean;
  readonly generations: Map<string, number>;
}

/** Of so many pointers. Past it the tenant of which least was heard lately is forgotten. */
export function moveOrder(maxPointers: number): MoveOrder {
  const states = new Map<string, State>();
  let pointers = 0;

  const touch = (tenant: string): State => {
    const state = states.get(tenant) ?? { seq: 0, sure: false, generations: new Map<string, number>() };
    states.delete(tenant);
    states.set(tenant, state);
    return state;
  };
  const raise = (state: State, bundle: string, channel: string, generation: number): void => {
    const pointer = `${bundle}/${channel}`;
    const before = state.generations.get(pointer);
    if (before === undefined) pointers++;
    state.generations.set(pointer, Math.max(before ?? 0, generation));
  };
  const bound = (): void => {
    for (const [tenant, state] of states) {
      // The one that was touched last is the last one: it is not what makes room for itself.
      if (pointers + states.size <= maxPointers || states.size === 1) return;
      pointers -= state.generations.size;
      states.delete(tenant);
    }
  };

  return {
    place: (move) => {
      const state = states.get(move.tenant);
      if (state === undefined) return 'unknown';
      if (move.seq <= state.seq) return 'duplicate';
      if (!state.sure) return 'unknown';
      if (move.seq > state.seq + 1) return 'gap';
      const generation = state.generations.get(`${move.bundle}/${move.channel}`) ?? 0;
      return move.generation > generation ? 'next' : 'stale';
    },
    passed: ({ tenant, bundle, channel, generation, seq }) => {
      const state = touch(tenant);
      state.seq = Math.max(state.seq, seq);
      raise(state, bundle, channel, generation);
      bound();
    },
    learn: (tenant, { seq, pointers: known = [] }) => {
      const state = touch(tenant);
      state.seq = Math.max(state.seq, seq);
      state.sure = true;
      for (const { bundle, channel, generation } of known) raise(state, bundle, channel, generation);
      bound();
    },
    doubt: (tenant) => {
      const state = states.get(tenant);
      if (state !== undefined) state.sure = false;
    },
    seq: (tenant) => {
      const state = states.get(tenant);
      return state?.sure === true ? state.seq : null;
    },
    tenants: () => [...states.keys()],
  };
}
