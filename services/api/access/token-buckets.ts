import { LRUCache } from 'lru-cache';

/**
 * The rate limit. Each bucket is refilled with `perMinute` tokens per minute and holds at most `perMinute`, which is also the largest
 * burst.
 */
export interface Rate {
  readonly perMinute: number;
  /**
   * The maximum number of keys whose buckets are kept in memory. When it is exceeded, the least recently used key is evicted. An evicted
   * key starts again with a full bucket.
   */
  readonly remembered: number;
}

interface Bucket {
  tokens: number;
  filledAtMs: number;
}

/** Limits rates with one token bucket per key. */
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
    // If the clock was set back, the elapsed time counts as zero, so no tokens are added or removed.
    const passedMs = Math.max(0, nowMs - bucket.filledAtMs);
    bucket.tokens = Math.min(perMinute, bucket.tokens + (passedMs * perMinute) / 60_000);
    bucket.filledAtMs = nowMs;
    this.#buckets.set(key, bucket);
    if (bucket.tokens < 1) return false;
    bucket.tokens -= 1;
    return true;
  }
}
