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

/** `now` in milliseconds, of any beginning. */
export function tenantStandings(
  { standingMs, standingsKept }: StandingLimits,
  now: () => number = () => performance.now(),
): TenantStandings {
  // All are kept equally long after their last mark, so the oldest comes first.
  const kept = new Map<string, { readonly slowUntil: number; readonly longUntil: number }>();
  const forget = (): void => {
    for (const [tenant, { slowUntil, longUntil }] of kept) {
      if (Math.max(slowUntil, longUntil) > now() && kept.size <= standingsKept) return;
      kept.delete(tenant);
    }
  };
  return {
    of: (tenant) => {
      const known = kept.get(tenant);
      if (!known) return 'quick';
      if (known.longUntil > now()) return 'long';
      return known.slowUntil > now() ? 'slow' : 'quick';
    },
    mark: (tenant, standing) => {
      const until = now() + standingMs;
      const longUntil = standing === 'long' ? until : (kept.get(tenant)?.longUntil ?? 0);
      kept.delete(tenant);
      kept.set(tenant, { slowUntil: until, longUntil });
      forget();
    },
  };
}
