/**
 * Lets a bounded number of calls in, and a bounded number of each tenant. `enter` gives what to call when the call is over, or null at
 * once when there is no room: waiting is for the caller, whose wait is durable.
 */
export function inFlightBound({ total, perTenant }: { total: number; perTenant: number }): {
  enter(tenant: string): (() => void) | null;
} {
  const byTenant = new Map<string, number>();
  let all = 0;
  return {
    enter(tenant) {
      const own = byTenant.get(tenant) ?? 0;
      if (all >= total || own >= perTenant) return null;
      all++;
      byTenant.set(tenant, own + 1);
      return () => {
        all--;
        const left = (byTenant.get(tenant) ?? 1) - 1;
        if (left > 0) byTenant.set(tenant, left);
        else byTenant.delete(tenant);
      };
    },
  };
}
