import { LRUCache } from 'lru-cache';

/** Stores the outcomes of failed compilations for `exhaustedMs`. At most `exhaustedKept` outcomes are stored. */
export interface EndedSources<T> {
  readonly add: (tenant: string, digest: string, end: T) => void;
  /** Returns the stored outcome of a source. Returns undefined if no outcome is stored, or if it has expired. */
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
