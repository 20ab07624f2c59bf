import { Waker } from './waker.ts';
import { WatchGroup } from './watch-group.ts';
import type { Look, Turn, WatchOptions } from './watch.ts';

/**
 * Lets many followers wait for changes of the same thing, which is loaded once for all of them. The things that a tenant's readers follow
 * are loaded one batch at a time, so a tenant uses one connection to the store, regardless of the number of its readers.
 */
export class Watches<K, V> {
  readonly #options: WatchOptions<K, V>;
  readonly #groups = new Map<string, WatchGroup<K, V>>();
  readonly #waker = new Waker();
  #followers = 0;

  constructor(options: WatchOptions<K, V>) {
    this.#options = options;
  }

  get followers(): number {
    return this.#followers;
  }

  /**
   * Yields the current value, loaded after the follower joined, and then each changed value. A slow follower skips intermediate values. All
   * followers get the same object. Ends when the signal aborts. If loading fails, a follower without a value throws at once; the others throw
   * only if the failure lasts. The caller must limit the number of followers.
   */
  async *follow(key: K, signal: AbortSignal): AsyncGenerator<V> {
    this.#followers++;
    const tenant = this.#options.tenantOf(key);
    const group = this.#groupOf(tenant);
    const watch = group.join(key);
    let turn: Turn<V> | null = null;
    const onAbort = (): void => turn?.resolve(null);
    signal.addEventListener('abort', onAbort);
    try {
      const joined = watch.begun;
      let seen: number | null = null;
      group.look(watch);
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
      group.leave(watch);
    }
  }

  #groupOf(tenant: string): WatchGroup<K, V> {
    const known = this.#groups.get(tenant);
    if (known !== undefined) return known;
    const group = new WatchGroup(tenant, this.#options, this.#waker, () => void this.#groups.delete(tenant));
    this.#groups.set(tenant, group);
    return group;
  }
}
