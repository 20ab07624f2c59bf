/**
 * Limits the number of concurrent calls, in total and per tenant. `enter` returns a function that must be called when
 * the call ends. If a limit is reached, it returns null. Calls do not wait in a queue, because the caller can wait
 * durably and retry.
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
