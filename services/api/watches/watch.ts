import { watchLimits } from '../limits.ts';
import type { Notifier } from './notifier.ts';

export interface WatchOptions<K, V> {
  /** Equal keys share one watch. */
  readonly keyOf: (key: K) => string;
  /** The tenant of a key: what is watched of one tenant is loaded together, one load at a time. */
  readonly tenantOf: (key: K) => string;
  /** Loads the values of one tenant's keys. Resolves to the values in the order of the keys. */
  readonly load: (tenant: string, keys: readonly WatchedKey<K, V>[]) => Promise<readonly V[]>;
  /** How many keys one load may ask for. */
  readonly perLoad: number;
  /** Whether two values are equal for followers, so that they don't get the second one. If left out, they get each loaded value. */
  readonly isSame?: (before: V, now: V) => boolean;
  /** Calls `notify` when the value may have changed, and when notifications may have been lost. Returns the function that unsubscribes. */
  readonly subscribe: (key: K, notify: () => void) => () => void;
  /** Average time between two loads without a notification. Each interval is random, from 0.5 to 1.5 times this. */
  readonly recheckMs: number;
}

/** A key to load. It has the value of the previous load, or null at the first load. */
export interface WatchedKey<K, V> {
  readonly key: K;
  readonly before: V | null;
}

/** The result of one load. Loads are numbered, so that a follower that was busy gets the last one that it missed. */
export interface Loaded<V> {
  readonly round: number;
  readonly value: V;
}

/** A waiting follower. It has its own promise, so that nothing of it stays in memory after it has left. Resolves to null when it stops waiting. */
export type Turn<V> = PromiseWithResolvers<Loaded<V> | null>;

/** Waiting followers, each with the number of the load that it has already seen. */
type Waiting<V> = Map<Turn<V>, number>;

/** One watched key. */
export class Watch<K, V> implements WatchedKey<K, V> {
  readonly key: K;
  followers = 0;
  readonly #notifier: Notifier;
  #latest: Loaded<V> | null = null;
  /** The number of the last load whose value differed from the one before. */
  #changed = 0;
  readonly #forLoad: Waiting<V> = new Map();
  readonly #forChange: Waiting<V> = new Map();
  /** How many loads have ended. */
  #round = 0;
  #isLoading = false;
  /** Consecutive failed loads. */
  #failures = 0;

  constructor(key: K, notifier: Notifier) {
    this.key = key;
    this.#notifier = notifier;
  }

  get before(): V | null {
    return this.#latest?.value ?? null;
  }

  /** The number of the last load that has started. Its value may be older than this moment; the values of later loads are not. */
  get lastStarted(): number {
    return this.#isLoading ? this.#round + 1 : this.#round;
  }

  /** Marks the begin of a load. It ends with {@link found} or {@link failed}. */
  begin(): void {
    this.#isLoading = true;
  }

  /** The latest load after load number `round`. If no load has ended since, waits for the next one. */
  loadAfter(round: number): Turn<V> {
    return this.#turn(this.#round, round, this.#forLoad);
  }

  /** The same, counting only loads whose value differed from the one before. */
  changeAfter(round: number): Turn<V> {
    return this.#turn(this.#changed, round, this.#forChange);
  }

  /** Removes a follower that has stopped waiting. */
  forget(turn: Turn<V>): void {
    this.#forLoad.delete(turn);
    this.#forChange.delete(turn);
  }

  found(value: V, isSame: (before: V, now: V) => boolean): void {
    this.#failures = 0;
    const round = this.#endLoad();
    const before = this.#latest;
    const isUnchanged = before !== null && isSame(before.value, value);
    const loaded = { round, value: isUnchanged ? before.value : value };
    this.#latest = loaded;
    if (!isUnchanged) this.#changed = round;
    this.#notify(this.#forLoad, (turn) => turn.resolve(loaded));
    if (!isUnchanged) this.#notify(this.#forChange, (turn) => turn.resolve(loaded));
  }

  /** A restarting store is back soon. Followers get the error only when it lasts, so that they don't all reconnect at the same time. */
  failed(error: unknown): void {
    this.#endLoad();
    const lasts = ++this.#failures >= watchLimits.failures;
    this.#notify(this.#forLoad, (turn) => turn.reject(error));
    if (lasts) this.#notify(this.#forChange, (turn) => turn.reject(error));
  }

  #endLoad(): number {
    this.#isLoading = false;
    return ++this.#round;
  }

  /** Notifies the followers that have not seen this load. */
  #notify(waiting: Waiting<V>, notify: (turn: Turn<V>) => void): void {
    for (const [turn, after] of waiting) {
      if (after >= this.#round) continue;
      waiting.delete(turn);
      this.#notifier.add(() => notify(turn));
    }
  }

  #turn(last: number, after: number, waiting: Waiting<V>): Turn<V> {
    const turn: Turn<V> = Promise.withResolvers();
    if (this.#latest !== null && last > after) turn.resolve(this.#latest);
    else waiting.set(turn, after);
    return turn;
  }
}
