import { watchLimits } from '../limits.ts';
import type { Waker } from './waker.ts';

export interface WatchOptions<K, V> {
  /** Equal keys share one watch. */
  readonly keyOf: (key: K) => string;
  /** The tenant of a key: what is watched of one tenant is loaded together, one load at a time. */
  readonly tenantOf: (key: K) => string;
  /** Loads things of one tenant. Resolves to their values, in the order of the keys. */
  readonly load: (tenant: string, keys: readonly WatchedKey<K, V>[]) => Promise<readonly V[]>;
  /** How many things one load may ask for. */
  readonly perLoad: number;
  /** Whether the followers need not be given the second of two values. Left out: they are given each value that is loaded. */
  readonly isSame?: (before: V, now: V) => boolean;
  /** Calls back whenever the thing may have changed, and after notifications may have been lost; gives the function that ends it. */
  readonly subscribe: (key: K, wake: () => void) => () => void;
  /** On average, everything is loaded this often without a notification: each time after half of it to one and a half of it. */
  readonly recheckMs: number;
}

/** A thing to load, and the value that the load before has found: null at the first. */
export interface WatchedKey<K, V> {
  readonly key: K;
  readonly before: V | null;
}

/** What one look found. Looks are counted, so that a follower who was busy is given the last one that it missed. */
export interface Look<V> {
  readonly round: number;
  readonly value: V;
}

/** A follower who waits: its own promise, so that nothing of it stays behind when it has gone. Null when it waits no more. */
export type Turn<V> = PromiseWithResolvers<Look<V> | null>;

/** Followers who wait, each with the round after which it wants a look. */
type Waiting<V> = Map<Turn<V>, number>;

/** One thing that is watched. */
export class Watch<K, V> implements WatchedKey<K, V> {
  readonly key: K;
  followers = 0;
  readonly #waker: Waker;
  #latest: Look<V> | null = null;
  /** The last look that found something else than the one before. */
  #changed = 0;
  readonly #forLook: Waiting<V> = new Map();
  readonly #forChange: Waiting<V> = new Map();
  /** How many looks have ended. */
  #round = 0;
  #isLoading = false;
  /** Looks in a row that have failed. */
  #failures = 0;

  constructor(key: K, waker: Waker) {
    this.key = key;
    this.#waker = waker;
  }

  get before(): V | null {
    return this.#latest?.value ?? null;
  }

  /** The last look that has begun by now. What it finds may be older than this moment; what the looks after it find is not. */
  get begun(): number {
    return this.#isLoading ? this.#round + 1 : this.#round;
  }

  /** A look begins. It ends with {@link found} or {@link failed}. */
  begin(): void {
    this.#isLoading = true;
  }

  /** The latest look after that round: the first that ends, if there was none since. */
  lookAfter(round: number): Turn<V> {
    return this.#turn(this.#round, round, this.#forLook);
  }

  /** The same, of looks that found something else than the one before. */
  changeAfter(round: number): Turn<V> {
    return this.#turn(this.#changed, round, this.#forChange);
  }

  /** Nobody waits for that any more. */
  forget(turn: Turn<V>): void {
    this.#forLook.delete(turn);
    this.#forChange.delete(turn);
  }

  found(value: V, isSame: (before: V, now: V) => boolean): void {
    this.#failures = 0;
    const round = this.#endLook();
    const before = this.#latest;
    const isUnchanged = before !== null && isSame(before.value, value);
    const look = { round, value: isUnchanged ? before.value : value };
    this.#latest = look;
    if (!isUnchanged) this.#changed = round;
    this.#wake(this.#forLook, (turn) => turn.resolve(look));
    if (!isUnchanged) this.#wake(this.#forChange, (turn) => turn.resolve(look));
  }

  /** A store that restarts is back soon: its followers are given the error only when it lasts, so that not all of them come back at once. */
  failed(error: unknown): void {
    this.#endLook();
    const lasts = ++this.#failures >= watchLimits.failures;
    this.#wake(this.#forLook, (turn) => turn.reject(error));
    if (lasts) this.#wake(this.#forChange, (turn) => turn.reject(error));
  }

  #endLook(): number {
    this.#isLoading = false;
    return ++this.#round;
  }

  /** Those who do not want a later look. */
  #wake(waiting: Waiting<V>, wake: (turn: Turn<V>) => void): void {
    for (const [turn, after] of waiting) {
      if (after >= this.#round) continue;
      waiting.delete(turn);
      this.#waker.add(() => wake(turn));
    }
  }

  #turn(last: number, after: number, waiting: Waiting<V>): Turn<V> {
    const turn: Turn<V> = Promise.withResolvers();
    if (this.#latest !== null && last > after) turn.resolve(this.#latest);
    else waiting.set(turn, after);
    return turn;
  }
}
