import { LRUCache } from 'lru-cache';

/**
 * The class in which a tenant's next compilation starts. It depends on the duration of the tenant's recent compilations. A `slow`
 * compilation lets quick compilations go first. A `long` compilation needs a slot for long compilations.
 */
export type Standing = 'quick' | 'slow' | 'long';

/** Records for a while which tenants had slow or long compilations. */
export interface TenantStandings {
  readonly of: (tenant: string) => Standing;
  readonly mark: (tenant: string, standing: 'slow' | 'long') => void;
}

export interface StandingLimits {
  readonly standingMs: number;
  readonly standingsKept: number;
}

/** `now` is a monotonic clock in milliseconds that never returns 0. */
export function tenantStandings(
  { standingMs, standingsKept }: StandingLimits,
  now: () => number = () => performance.now(),
): TenantStandings {
  // With a resolution of 0 the cache reads the clock at each access. Otherwise it caches the time and needs a timer.
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
