import { LRUCache } from 'lru-cache';

/**
 * The class of a tenant's next compilation, which depends on the duration of its recent compilations. A `slow`
 * compilation starts after quick compilations of other tenants. A `long` compilation needs a slot for long
 * compilations.
 */
export type Standing = 'quick' | 'slow' | 'long';

/** Stores which tenants had slow or long compilations within the last `standingMs`. */
export interface TenantStandings {
  readonly of: (tenant: string) => Standing;
  readonly mark: (tenant: string, standing: 'slow' | 'long') => void;
}

export interface StandingLimits {
  readonly standingMs: number;
  readonly standingsKept: number;
}

/**
 * Creates an empty record. `now` is a monotonic clock in milliseconds. It must not return 0, which the cache library
 * treats as missing.
 */
export function tenantStandings(
  { standingMs, standingsKept }: StandingLimits,
  now: () => number = () => performance.now(),
): TenantStandings {
  // With a resolution of 0, the cache library reads the clock at each access. Otherwise it would cache the time and
  // start a timer.
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
