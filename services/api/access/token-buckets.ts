import { LRUCache } from 'lru-cache';

/** How often something may be done: on the average, and at once after it was not done for long. */
export interface Rate {
  readonly perMinute: number;
  /** Keys that are remembered. Past it the one that was used longest ago is forgotten, which gives it a full bucket again. */
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

  /** Whether it may be done once more now. */
  take(key: string, nowMs: number): boolean {
    const { perMinute } = this.#rate;
    const bucket = this.#buckets.get(key) ?? { tokens: perMinute, filledAtMs: nowMs };
    // A clock that was set back gives nothing and takes nothing.
    const passedMs = Math.max(0, nowMs - bucket.filledAtMs);
    bucket.tokens = Math.min(perMinute, bucket.tokens + (passedMs * perMinute) / 60_000);
    bucket.filledAtMs = nowMs;
    this.#buckets.set(key, bucket);
    if (bucket.tokens < 1) return false;
    bucket.tokens -= 1;
    return true;
  }
}
