import { LRUCache } from 'lru-cache';

/**
 * How a tenant's next compilation starts, by what its last ones took: a `slow` one only while no quick one waits, a `long` one only on a
 * place for long ones.
 */
export type Standing = 'quick' | 'slow' | 'long';

/** Remembers for a while which tenants had compilations that took long. */
export interface TenantStandings {
  readonly of: (tenant: string) => Standing;
  readonly mark: (tenant: string, standing: 'slow' | 'long') => void;
}

export interface StandingLimits {
  readonly standingMs: number;
  readonly standingsKept: number;
}

/** `now` returns milliseconds since any fixed time, and never 0. */
export function tenantStandings(
  { standingMs, standingsKept }: StandingLimits,
  now: () => number = () => performance.now(),
): TenantStandings {
  // Without a resolution the cache reads the clock at each look, and starts no timer that keeps a reading of it.
  const marked = new LRUCache<string, { readonly longUntil: number }>({
    max: standingsKept,
    ttl: standingMs,
    ttlResolution: 0,
    perf: { now },
  });
  return {
    of: (tenant) => {
      const known = marked.peek(tenant);
      if (!known) return 'quick';
      return known.longUntil > now() ? 'long' : 'slow';
    },
    mark: (tenant, standing) => {
      const longUntil = standing === 'long' ? now() + standingMs : (marked.peek(tenant)?.longUntil ?? 0);
      marked.set(tenant, { longUntil });
    },
  };
}
