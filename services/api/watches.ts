import { PointsmanError } from '../../core/errors.ts';

export interface WatchOptions<K, V> {
  /** Equal keys share one watch. */
  readonly keyOf: (key: K) => string;
  readonly load: (key: K) => Promise<V>;
  /** Calls back whenever the thing may have changed; gives the function that ends it. A notification may be lost. */
  readonly subscribe: (key: K, wake: () => void) => () => void;
  /** It is looked at this often even if nobody says that it changed. */
  readonly recheckMs: number;
  /** Followers of all things together. */
  readonly followers: number;
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
   * The thing as it is now and then whenever it was looked at again, changed or not; a follower that is slow misses what was between.
   * Ends when the signal aborts. Throws `busy` at once when too many follow, and on the way what loading throws.
   */
  follow(key: K, signal: AbortSignal): AsyncGenerator<V> {
    if (this.#followers >= this.#options.followers) {
      throw new PointsmanError('busy', 'Too many are waiting already; ask again in a moment.');
    }
    return this.#values(key, signal);
  }

  async *#values(key: K, signal: AbortSignal): AsyncGenerator<V> {
    this.#followers++;
    const watch = this.#join(key);
    const { promise: aborted, resolve: abort } = Promise.withResolvers<'aborted'>();
    const onAbort = (): void => abort('aborted');
    signal.addEventListener('abort', onAbort);
    try {
      let round = watch.round;
      watch.look();
      while (!signal.aborted) {
        const look = await Promise.race([watch.after(round), aborted]);
        if (look === 'aborted') return;
        round = look.round;
        yield look.value;
      }
    } finally {
      signal.removeEventListener('abort', onAbort);
      this.#followers--;
      this.#leave(key, watch);
    }
  }

  #join(key: K): Watch<V> {
    const name = this.#options.keyOf(key);
    const { load, subscribe, recheckMs } = this.#options;
    const watch =
      this.#watches.get(name) ??
      new Watch({ load: () => load(key), subscribe: (wake) => subscribe(key, wake), recheckMs });
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
  readonly load: () => Promise<V>;
  readonly subscribe: (wake: () => void) => () => void;
  readonly recheckMs: number;
}

/** What one look found. Looks are counted, so that a follower who was busy hears of the last one that it missed. */
interface Look<V> {
  readonly round: number;
  readonly value: V;
}

/** One thing that is watched. */
class Watch<V> {
  followers = 0;
  readonly #load: () => Promise<V>;
  readonly #timer: NodeJS.Timeout;
  readonly #unsubscribe: () => void;
  #latest: Look<V> | null = null;
  #next = nobodyMustWait<Look<V>>();
  #round = 0;
  #isLoading = false;
  #isAskedAgain = false;

  constructor({ load, subscribe, recheckMs }: WatchedThing<V>) {
    this.#load = load;
    this.#unsubscribe = subscribe(() => this.look());
    this.#timer = setInterval(() => this.look(), recheckMs);
  }

  /** How many looks have ended. */
  get round(): number {
    return this.#round;
  }

  /** The latest look after that round: the one that ends next, if there was none since. */
  after(round: number): Promise<Look<V>> {
    return this.#latest !== null && this.#latest.round > round
      ? Promise.resolve(this.#latest)
      : this.#next.promise;
  }

  /** Loads the thing. When that is under way already, once more after it: what it reads may be older than the reason to look. */
  look(): void {
    if (this.#isLoading) {
      this.#isAskedAgain = true;
      return;
    }
    this.#isLoading = true;
    this.#load().then(
      (value) => {
        this.#latest = { round: this.#round + 1, value };
        this.#ended().resolve(this.#latest);
      },
      (error: unknown) => this.#ended().reject(error),
    );
  }

  end(): void {
    clearInterval(this.#timer);
    this.#unsubscribe();
    this.#isAskedAgain = false;
  }

  #ended(): PromiseWithResolvers<Look<V>> {
    const ended = this.#next;
    this.#next = nobodyMustWait();
    this.#round++;
    this.#isLoading = false;
    if (this.#isAskedAgain) {
      this.#isAskedAgain = false;
      this.look();
    }
    return ended;
  }
}

/** A promise whose rejection is nobody's fault when nobody waits for it. */
function nobodyMustWait<T>(): PromiseWithResolvers<T> {
  const made = Promise.withResolvers<T>();
  made.promise.catch(() => {});
  return made;
}
