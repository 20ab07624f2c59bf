import { watchLimits } from '../limits.ts';
import type { Notifier } from './notifier.ts';
import { Watch, type WatchOptions } from './watch.ts';

interface Watched<K, V> {
  readonly watch: Watch<K, V>;
  readonly unsubscribe: () => void;
}

/**
 * The watched keys of one tenant. They are loaded from the database in batches, one batch at a time. A key that becomes due during a load
 * is part of a later batch.
 */
export class WatchGroup<K, V> {
  readonly #tenant: string;
  readonly #options: WatchOptions<K, V>;
  readonly #notifier: Notifier;
  readonly #onIdle: () => void;
  readonly #watched = new Map<string, Watched<K, V>>();
  /** The watches whose values may have changed. They are loaded first. */
  readonly #due = new Set<Watch<K, V>>();
  /** The watches that are due only for the periodic load. They are loaded last. */
  readonly #old = new Set<Watch<K, V>>();
  #isLoading = false;
  #recheck: NodeJS.Timeout | undefined;
  #retry: NodeJS.Timeout | undefined;

  /** @param onIdle called when no watch has followers and no load is in progress */
  constructor(tenant: string, options: WatchOptions<K, V>, notifier: Notifier, onIdle: () => void) {
    this.#tenant = tenant;
    this.#options = options;
    this.#notifier = notifier;
    this.#onIdle = onIdle;
  }

  join(key: K): Watch<K, V> {
    const name = this.#options.keyOf(key);
    const known = this.#watched.get(name)?.watch;
    const watch = known ?? new Watch<K, V>(key, this.#notifier);
    if (known === undefined) {
      if (this.#watched.size === 0) this.#recheckLater();
      const unsubscribe = this.#options.subscribe(key, () => this.reload(watch));
      this.#watched.set(name, { watch, unsubscribe });
    }
    watch.followers++;
    return watch;
  }

  leave(watch: Watch<K, V>): void {
    if (--watch.followers > 0) return;
    const name = this.#options.keyOf(watch.key);
    this.#watched.get(name)?.unsubscribe();
    this.#watched.delete(name);
    this.#due.delete(watch);
    this.#old.delete(watch);
    if (this.#watched.size > 0) return;
    clearTimeout(this.#recheck);
    clearTimeout(this.#retry);
    this.#retry = undefined;
    if (!this.#isLoading) this.#onIdle();
  }

  /**
   * Schedules a load of the watched key. If a load is in progress, the key is part of the next batch, because the current load may have
   * read before the change.
   */
  reload(watch: Watch<K, V>): void {
    this.#due.add(watch);
    this.#load();
  }

  #load(): void {
    if (this.#isLoading) return;
    const batch = [...this.#due, ...this.#old].slice(0, this.#options.perLoad);
    if (batch.length === 0) return;
    this.#isLoading = true;
    for (const watch of batch) {
      this.#due.delete(watch);
      this.#old.delete(watch);
      watch.begin();
    }
    this.#options.load(this.#tenant, batch).then(
      (values) => this.#found(batch, values),
      (error: unknown) => this.#failed(batch, error),
    );
  }

  #found(batch: readonly Watch<K, V>[], values: readonly V[]): void {
    const { isSame = () => false } = this.#options;
    for (const [at, watch] of batch.entries()) {
      const value = values[at];
      if (value === undefined) watch.failed(new Error('a load returned fewer values than requested'));
      else watch.found(value, isSame);
    }
    this.#ended();
  }

  #failed(batch: readonly Watch<K, V>[], error: unknown): void {
    for (const watch of batch) watch.failed(error);
    if (this.#watched.size > 0) {
      this.#retry ??= setTimeout(() => {
        this.#retry = undefined;
        this.#reloadAll();
      }, atAnyMoment(watchLimits.retryMs));
    }
    this.#ended();
  }

  #ended(): void {
    this.#isLoading = false;
    if (this.#watched.size === 0) this.#onIdle();
    else this.#load();
  }

  #reloadAll(): void {
    for (const { watch } of this.#watched.values()) if (!this.#due.has(watch)) this.#old.add(watch);
    this.#load();
  }

  #recheckLater(): void {
    this.#recheck = setTimeout(() => {
      this.#recheckLater();
      this.#reloadAll();
    }, atAnyMoment(this.#options.recheckMs));
  }
}

/**
 * Returns a random duration from 0.5 to 1.5 times `ms`. Without the randomness, all tenants of all processes would load at the same time
 * after a start, or when the database recovers.
 */
function atAnyMoment(ms: number): number {
  return ms * (0.5 + Math.random());
}
