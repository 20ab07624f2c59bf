import { LRUCache } from 'lru-cache';

/** Remembers for a while how compilations of sources ended that ended badly. */
export interface EndedSources<T> {
  readonly add: (tenant: string, digest: string, end: T) => void;
  /** How the source ended before, as long as that is remembered. */
  readonly recall: (tenant: string, digest: string) => T | undefined;
}

export interface EndedLimits {
  readonly exhaustedMs: number;
  readonly exhaustedKept: number;
}

export function endedSources<T extends object | true>({
  exhaustedMs,
  exhaustedKept,
}: EndedLimits): EndedSources<T> {
  const kept = new LRUCache<string, T>({ max: exhaustedKept, ttl: exhaustedMs });
  return {
    add: (tenant, digest, end) => void kept.set(`${tenant}/${digest}`, end),
    recall: (tenant, digest) => kept.get(`${tenant}/${digest}`),
  };
}
