import { LRUCache } from 'lru-cache';

/** Remembers the bad outcomes of compilations for a while. */
export interface EndedSources<T> {
  readonly add: (tenant: string, digest: string, end: T) => void;
  /** The stored outcome of the source, until it expires. */
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
