import { Notifier } from './notifier.ts';
import { WatchGroup } from './watch-group.ts';
import { followed, type Followed } from './followed.ts';
import type { Loaded, Turn, Watch, WatchOptions } from './watch.ts';

/** A follower of a watched key. It waits for a load with a number above `round`. */
interface Joined<K, V> {
  readonly group: WatchGroup<K, V>;
  readonly watch: Watch<K, V>;
  readonly round: number;
}

/**
 * Lets many followers wait for changes of the same key. Each key is loaded once for all of its followers. The keys of a tenant are loaded
 * one batch at a time. A tenant therefore uses one connection to the database, regardless of the number of its readers.
 */
export class Watches<K, V> {
  readonly #options: WatchOptions<K, V>;
  readonly #groups = new Map<string, WatchGroup<K, V>>();
  readonly #notifier = new Notifier();
  #followers = 0;

  constructor(options: WatchOptions<K, V>) {
    this.#options = options;
  }

  get followers(): number {
    return this.#followers;
  }

  /**
   * Yields the current value of the key, loaded after the follower joined, and then each changed value. A slow follower skips intermediate
   * values. All followers get the same object. Ends when the signal aborts.
   *
   * If a load fails, a follower without a value throws immediately. Other followers throw only after several consecutive failures. The
   * caller must limit the number of followers.
   */
  follow(key: K, signal: AbortSignal): Followed<V> {
    let joined: Joined<K, V> | null = null;
    let seen: number | null = null;
    let turn: Turn<V> | null = null;
    const release = (): void => turn?.resolve(null);
    const produce = async (): Promise<V | undefined> => {
      if (signal.aborted) return undefined;
      if (joined === null) {
        signal.addEventListener('abort', release);
        joined = this.#join(key);
      }
      const { watch, round } = joined;
      turn = seen === null ? watch.loadAfter(round) : watch.changeAfter(seen);
      const waiting = turn;
      try {
        const loaded: Loaded<V> | null = await waiting.promise;
        if (loaded === null) return undefined;
        seen = loaded.round;
        return loaded.value;
      } finally {
        watch.forget(waiting);
        turn = null;
      }
    };
    return followed(produce, () => {
      signal.removeEventListener('abort', release);
      release();
      if (joined === null) return;
      this.#followers--;
      joined.group.leave(joined.watch);
    });
  }

  /** Adds a follower, and starts a load for it, because an earlier load may have read before the follower's request. */
  #join(key: K): Joined<K, V> {
    this.#followers++;
    const group = this.#groupOf(this.#options.tenantOf(key));
    const watch = group.join(key);
    const round = watch.lastStarted;
    group.reload(watch);
    return { group, watch, round };
  }

  #groupOf(tenant: string): WatchGroup<K, V> {
    const known = this.#groups.get(tenant);
    if (known !== undefined) return known;
    const group = new WatchGroup(
      tenant,
      this.#options,
      this.#notifier,
      () => void this.#groups.delete(tenant),
    );
    this.#groups.set(tenant, group);
    return group;
  }
}
