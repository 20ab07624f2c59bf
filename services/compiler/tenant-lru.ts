import { byteLru } from './byte-lru.ts';
import type { ByteLru } from './byte-lru.ts';

/** What is remembered for tenants, each of which has a share. Past the total, the tenant that has most loses what it used longest ago. */
export interface TenantLru<V> {
  readonly get: (tenant: string, key: string) => V | undefined;
  /** Something larger than a share is not kept. */
  readonly set: (tenant: string, key: string, value: V, bytes: number) => void;
}

export interface TenantLruLimits {
  readonly bytes: number;
  readonly bytesPerTenant: number;
  readonly entriesPerTenant?: number;
}

/** The part of the total that is freed at once, since finding the largest share means looking at all. */
const FREED_AT_ONCE = 1 / 64;

export function tenantLru<V>({ bytes, bytesPerTenant, entriesPerTenant }: TenantLruLimits): TenantLru<V> {
  const shares = new Map<string, ByteLru<V>>();
  let held = 0;
  const makeRoom = (): void => {
    const enough = bytes * (1 - FREED_AT_ONCE);
    while (held > enough) {
      let largest: [string, ByteLru<V>] | null = null;
      for (const share of shares) if (!largest || share[1].bytes > largest[1].bytes) largest = share;
      if (!largest) return;
      const [tenant, share] = largest;
      const before = share.bytes;
      // Down to three quarters: then another share may be the largest.
      while (held - (before - share.bytes) > enough && share.bytes > (before * 3) / 4) share.dropOldest();
      held -= before - share.bytes;
      if (share.bytes === 0) shares.delete(tenant);
    }
  };
  return {
    get: (tenant, key) => shares.get(tenant)?.get(key),
    set: (tenant, key, value, size) => {
      const share = shares.get(tenant) ?? byteLru<V>(Math.min(bytes, bytesPerTenant), entriesPerTenant);
      const before = share.bytes;
      share.set(key, value, size);
      held += share.bytes - before;
      if (share.bytes > 0) shares.set(tenant, share);
      else shares.delete(tenant);
      if (held > bytes) makeRoom();
    },
  };
}
