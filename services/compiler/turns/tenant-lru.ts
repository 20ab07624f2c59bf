import { LRUCache } from 'lru-cache';

/**
 * An LRU cache with a separate share of the memory for each tenant. If the total limit is exceeded, the least
 * recently used entries of the largest share are evicted.
 */
export interface TenantLru<V> {
  readonly get: (tenant: string, key: string) => V | undefined;
  /** Stores a value. A value that is larger than the maximum share of a tenant is not stored. */
  readonly set: (tenant: string, key: string, value: V, bytes: number) => void;
}

export interface TenantLruLimits {
  readonly bytes: number;
  readonly bytesPerTenant: number;
  readonly entriesPerTenant?: number;
}

/**
 * The fraction of the total limit that is freed at a time. Evictions are grouped, because all shares must be compared
 * to find the largest.
 */
const FREED_AT_ONCE = 1 / 64;

export function tenantLru<V extends object | string | number>(limits: TenantLruLimits): TenantLru<V> {
  const { bytes, bytesPerTenant, entriesPerTenant } = limits;
  const shares = new Map<string, LRUCache<string, V>>();
  let held = 0;
  const makeRoom = (): void => {
    const enough = bytes * (1 - FREED_AT_ONCE);
    while (held > enough) {
      const [largest, ...others] = shares;
      if (!largest) return;
      const [tenant, share] = others.reduce(
        (most, one) => (one[1].calculatedSize > most[1].calculatedSize ? one : most),
        largest,
      );
      const before = share.calculatedSize;
      // Evicts at most a quarter of this share before the shares are compared again, because then another share may
      // be the largest.
      while (held - (before - share.calculatedSize) > enough && share.calculatedSize > (before * 3) / 4)
        share.pop();
      held -= before - share.calculatedSize;
      if (share.size === 0) shares.delete(tenant);
    }
  };
  const newShare = () =>
    new LRUCache<string, V>({
      maxSize: Math.min(bytes, bytesPerTenant),
      ...(entriesPerTenant === undefined ? {} : { max: entriesPerTenant }),
    });
  return {
    get: (tenant, key) => shares.get(tenant)?.get(key),
    set: (tenant, key, value, size) => {
      const share = shares.get(tenant) ?? newShare();
      const before = share.calculatedSize;
      // The package lru-cache rejects a size of 0.
      share.set(key, value, { size: Math.max(1, size) });
      held += share.calculatedSize - before;
      if (share.size > 0) shares.set(tenant, share);
      else shares.delete(tenant);
      if (held > bytes) makeRoom();
    },
  };
}
