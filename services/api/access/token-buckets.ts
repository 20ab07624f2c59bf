import { LRUCache } from 'lru-cache';

/** A rate: the average, and also the largest burst after a pause. */
export interface Rate {
  readonly perMinute: number;
  /** How many keys are remembered. Past it the least recently used key is dropped, and has a full bucket again. */
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

  /** Takes one token of the key. Returns false when its bucket is empty. */
  take(key: string, nowMs: number): boolean {
    const { perMinute } = this.#rate;
    const bucket = this.#buckets.get(key) ?? { tokens: perMinute, filledAtMs: nowMs };
    // A clock that was set back neither adds nor removes tokens.
    const passedMs = Math.max(0, nowMs - bucket.filledAtMs);
    bucket.tokens = Math.min(perMinute, bucket.tokens + (passedMs * perMinute) / 60_000);
    bucket.filledAtMs = nowMs;
    this.#buckets.set(key, bucket);
    if (bucket.tokens < 1) return false;
    bucket.tokens -= 1;
    return true;
  }
}
