import { watchLimits } from './limits.ts';

export interface WatchOptions<K, V> {
  /** Equal keys share one watch. */
  readonly keyOf: (key: K) => string;
  /** `before` is what it was at the last look; null at the first. */
  readonly load: (key: K, before: V | null) => Promise<V>;
  /** Whether there is nothing to tell of between two looks. Left out: there always is. */
  readonly isSame?: (before: V, now: V) => boolean;
  /** Calls back whenever the thing may have changed; gives the function that ends it. A notification may be lost. */
  readonly subscribe: (key: K, wake: () => void) => () => void;
  /** It is looked at this often even if nobody says that it changed. */
  readonly recheckMs: number;
}

/** Lets many wait for changes of the same thing, which is loaded once for all of them. */
export class Watches<K, V> {
  readonly #options: WatchOptions<K, V>;
  readonly #watches = new Map<string, Watch<V>>();
  #followers = 0;

  constructor(options: WatchOptions<K, V>) {
    this.#options = options;
  }

  get followers(): number {
    return this.#followers;
  }

  /**
   * The thing as it is now and then whenever a look has found it another; a follower that is slow misses what was between, and all are
   * given the same object. Ends when the signal aborts. Throws what loading throws: to a follower that has got nothing yet at the first
   * failure, to the others when it lasts. How many may follow is for the caller to bound.
   */
  async *follow(key: K, signal: AbortSignal): AsyncGenerator<V> {
    this.#followers++;
    const watch = this.#join(key);
    let turn: Turn<V> | null = null;
    const onAbort = (): void => turn?.resolve(null);
    signal.addEventListener('abort', onAbort);
    try {
      const joined = watch.round;
      let seen: number | null = null;
      watch.look();
      while (!signal.aborted) {
        turn = seen === null ? watch.lookAfter(joined) : watch.changeAfter(seen);
        const look: Look<V> | null = await turn.promise;
        if (look === null) return;
        seen = look.round;
        yield look.value;
      }
    } finally {
      signal.removeEventListener('abort', onAbort);
      if (turn !== null) watch.forget(turn);
      this.#followers--;
      this.#leave(key, watch);
    }
  }

  #join(key: K): Watch<V> {
    const name = this.#options.keyOf(key);
    const { load, subscribe, recheckMs, isSame = () => false } = this.#options;
    const watch =
      this.#watches.get(name) ??
      new Watch({
        load: (before) => load(key, before),
        isSame,
        subscribe: (wake) => subscribe(key, wake),
        recheckMs,
      });
    this.#watches.set(name, watch);
    watch.followers++;
    return watch;
  }

  #leave(key: K, watch: Watch<V>): void {
    if (--watch.followers > 0) return;
    watch.end();
    this.#watches.delete(this.#options.keyOf(key));
  }
}

interface WatchedThing<V> {
  readonly load: (before: V | null) => Promise<V>;
  readonly isSame: (before: V, now: V) => boolean;
  readonly subscribe: (wake: () => void) => () => void;
  readonly recheckMs: number;
}

/** What one look found. Looks are counted, so that a follower who was busy hears of the last one that it missed. */
interface Look<V> {
  readonly round: number;
  readonly value: V;
}

/** A follower who waits: its own promise, so that nothing of it stays behind when it has gone. Null when it waits no more. */
type Turn<V> = PromiseWithResolvers<Look<V> | null>;

/** One thing that is watched. */
class Watch<V> {
  followers = 0;
  readonly #thing: WatchedThing<V>;
  readonly #timer: NodeJS.Timeout;
  readonly #unsubscribe: () => void;
  #latest: Look<V> | null = null;
  /** The last look that found something else than the one before. */
  #changed = 0;
  readonly #forLook = new Set<Turn<V>>();
  readonly #forChange = new Set<Turn<V>>();
  #round = 0;
  /** Looks in a row that have failed. */
  #failures = 0;
  #isLoading = false;
  #isAskedAgain = false;

  constructor(thing: WatchedThing<V>) {
    this.#thing = thing;
    this.#unsubscribe = thing.subscribe(() => this.look());
    this.#timer = setInterval(() => this.look(), thing.recheckMs);
  }

  /** How many looks have ended. */
  get round(): number {
    return this.#round;
  }

  /** The latest look after that round: the one that ends next, if there was none since. */
  lookAfter(round: number): Turn<V> {
    return this.#turn(this.#latest !== null && this.#latest.round > round, this.#forLook);
  }

  /** The same, of looks that found something else than the one before. */
  changeAfter(round: number): Turn<V> {
    return this.#turn(this.#changed > round, this.#forChange);
  }

  /** Loads the thing. When that is under way already, once more after it: what it reads may be older than the reason to look. */
  look(): void {
    if (this.#isLoading) {
      this.#isAskedAgain = true;
      return;
    }
    this.#isLoading = true;
    this.#thing.load(this.#latest?.value ?? null).then(
      (value) => this.#found(value),
      (error: unknown) => this.#failed(error),
    );
  }

  /** Nobody waits for that any more. */
  forget(turn: Turn<V>): void {
    this.#forLook.delete(turn);
    this.#forChange.delete(turn);
  }

  end(): void {
    clearInterval(this.#timer);
    this.#unsubscribe();
    this.#isAskedAgain = false;
  }

  #turn(isThere: boolean, waiting: Set<Turn<V>>): Turn<V> {
    const turn: Turn<V> = Promise.withResolvers();
    if (isThere && this.#latest !== null) turn.resolve(this.#latest);
    else waiting.add(turn);
    return turn;
  }

  #found(value: V): void {
    this.#failures = 0;
    const round = this.#round + 1;
    const before = this.#latest;
    const isSame = before !== null && this.#thing.isSame(before.value, value);
    const look = { round, value: isSame ? before.value : value };
    this.#latest = look;
    if (!isSame) this.#changed = round;
    const turns = [...taken(this.#forLook), ...(isSame ? [] : taken(this.#forChange))];
    this.#ended();
    for (const turn of turns) turn.resolve(look);
  }

  /** A store that restarts is back soon, and then not everybody who waits need come back at once. */
  #failed(error: unknown): void {
    const lasts = ++this.#failures >= watchLimits.failures;
    const turns = [...taken(this.#forLook), ...(lasts ? taken(this.#forChange) : [])];
    this.#ended();
    for (const turn of turns) turn.reject(error);
  }

  #ended(): void {
    this.#round++;
    this.#isLoading = false;
    if (!this.#isAskedAgain) return;
    this.#isAskedAgain = false;
    this.look();
  }
}

function taken<T>(waiting: Set<T>): T[] {
  const all = [...waiting];
  waiting.clear();
  return all;
}
