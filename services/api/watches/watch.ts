import { watchLimits } from '../limits.ts';
import type { Notifier } from './notifier.ts';

export interface WatchOptions<K, V> {
  /** Returns the name of a key. Keys with equal names share one watch. */
  readonly keyOf: (key: K) => string;
  /** Returns the tenant of a key. The keys of one tenant are loaded together, one batch at a time. */
  readonly tenantOf: (key: K) => string;
  /** Loads the values of several keys of one tenant. Resolves to the values, in the order of the keys. */
  readonly load: (tenant: string, keys: readonly WatchedKey<K, V>[]) => Promise<readonly V[]>;
  /** The maximum number of keys in one load. */
  readonly perLoad: number;
  /**
   * Whether two loaded values are equal for followers. In that case, followers do not get the second value. Without this function,
   * followers get every loaded value.
   */
  readonly isSame?: (before: V, now: V) => boolean;
  /**
   * Subscribes to notifications about a key. Calls `notify` when the value may have changed, and when notifications may have been lost.
   * Returns a function that unsubscribes.
   */
  readonly subscribe: (key: K, notify: () => void) => () => void;
  /** The average interval between two periodic loads, in milliseconds. Each interval is random, from 0.5 to 1.5 times this value. */
  readonly recheckMs: number;
}

/** A key to load, with the value of the previous load. The value is null at the first load. */
export interface WatchedKey<K, V> {
  readonly key: K;
  readonly before: V | null;
}

/**
 * The result of one load. Loads are numbered in order. A follower that was busy uses the numbers to get the most recent load that it
 * missed.
 */
export interface Loaded<V> {
  readonly round: number;
  readonly value: V;
}

/**
 * The promise of one waiting follower. Each follower has its own promise, so that nothing stays in memory after the follower leaves. It
 * resolves to null when the follower stops waiting.
 */
export type Turn<V> = PromiseWithResolvers<Loaded<V> | null>;

/** The waiting followers, each with the number of the last load whose value it has received. */
type Waiting<V> = Map<Turn<V>, number>;

/** A watched key with its followers. */
export class Watch<K, V> implements WatchedKey<K, V> {
  readonly key: K;
  followers = 0;
  readonly #notifier: Notifier;
  #latest: Loaded<V> | null = null;
  /** The number of the most recent load that changed the value. */
  #changed = 0;
  readonly #forLoad: Waiting<V> = new Map();
  readonly #forChange: Waiting<V> = new Map();
  /** The number of completed loads. */
  #round = 0;
  #isLoading = false;
  /** The number of failed loads since the last successful load. */
  #failures = 0;

  constructor(key: K, notifier: Notifier) {
    this.key = key;
    this.#notifier = notifier;
  }

  get before(): V | null {
    return this.#latest?.value ?? null;
  }

  /** The number of the last load that has started. That load may have read the value before now, but later loads have not. */
  get lastStarted(): number {
    return this.#isLoading ? this.#round + 1 : this.#round;
  }

  /** Marks the start of a load. {@link found} or {@link failed} marks its end. */
  begin(): void {
    this.#isLoading = true;
  }

  /**
   * Waits until a load with a number above `round` has ended, and resolves to the most recent load. Resolves immediately if such a load has
   * already ended.
   */
  loadAfter(round: number): Turn<V> {
    return this.#turn(this.#round, round, this.#forLoad);
  }

  /** Like `loadAfter`, but waits for a load that changed the value. */
  changeAfter(round: number): Turn<V> {
    return this.#turn(this.#changed, round, this.#forChange);
  }

  /** Removes the promise of a follower that has stopped waiting. */
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

  /**
   * Rejects the waiting followers because a load has failed. A database that restarts usually recovers soon. Followers that already have a
   * value therefore get the error only after several failures, so that they do not all reconnect at the same time.
   */
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

  /** Notifies the waiting followers that have not received the value of this load. */
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
