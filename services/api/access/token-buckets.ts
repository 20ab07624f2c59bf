import { LRUCache } from 'lru-cache';

/** The average rate, which is also the largest burst after a pause. */
export interface Rate {
  readonly perMinute: number;
  /**
   * The maximum number of keys in memory. Above this limit the least recently used key is evicted, and starts again
   * with a full bucket.
   */
  readonly remembered: number;
}

interface Bucket {
  tokens: number;
  filledAtMs: number;
}

/** A token bucket for each key. */
export class TokenBuckets {
  readonly #rate: Rate;
  readonly #buckets: LRUCache<string, Bucket>;

  constructor(rate: Rate) {
    this.#rate = rate;
    this.#buckets = new LRUCache({ max: rate.remembered });
  }

  get size(): number {
    return this.#buckets.size;
  }

  /** Takes one token from the key's bucket. Returns false if the bucket is empty. */
  take(key: string, nowMs: number): boolean {
    const { perMinute } = this.#rate;
    const bucket = this.#buckets.get(key) ?? { tokens: perMinute, filledAtMs: nowMs };
    // If the clock was set back, no tokens are added or removed.
    const passedMs = Math.max(0, nowMs - bucket.filledAtMs);
    bucket.tokens = Math.min(perMinute, bucket.tokens + (passedMs * perMinute) / 60_000);
    bucket.filledAtMs = nowMs;
    this.#buckets.set(key, bucket);
    if (bucket.tokens < 1) return false;
    bucket.tokens -= 1;
    return true;
  }
}
