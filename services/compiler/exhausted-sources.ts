import { LRUCache } from 'lru-cache';

/** What a compilation was ended for. */
export interface Exhausted {
  readonly kind: 'exhausted';
  readonly limit: 'time' | 'memory';
  readonly message: string;
}

/** Remembers for a while which sources exhausted a bound, and whose they were. */
export interface ExhaustedSources {
  readonly add: (tenant: string, digest: string, result: Exhausted) => void;
  /** How the source ended before, as long as that is remembered. */
  readonly recall: (tenant: string, digest: string) => Exhausted | undefined;
  /** Whether some source of the tenant is remembered. */
  readonly hasAny: (tenant: string) => boolean;
}

export interface ExhaustedLimits {
  readonly exhaustedMs: number;
  readonly exhaustedKept: number;
}

/** `now` in milliseconds, of any beginning but zero, and never going back. */
export function exhaustedSources(
  { exhaustedMs, exhaustedKept }: ExhaustedLimits,
  now: () => number = () => performance.now(),
): ExhaustedSources {
  const kept = new LRUCache<string, { readonly tenant: string; readonly result: Exhausted }>({
    max: exhaustedKept,
    ttl: exhaustedMs,
    // Without a timer that keeps a reading of the clock: it is read a few times for each compilation.
    ttlResolution: 0,
    perf: { now },
  });
  return {
    add: (tenant, digest, result) => void kept.set(`${tenant}/${digest}`, { tenant, result }),
    recall: (tenant, digest) => kept.get(`${tenant}/${digest}`)?.result,
    hasAny: (tenant) => [...kept.values()].some((one) => one.tenant === tenant),
  };
}
