import { z } from 'zod';

import { Digest, Generation, type PointerId, Version } from '../identifiers.ts';
import { tenantKey } from '../sinks/sink.ts';

/**
 * Returns the Redis key of a pointer. The value is a hash with the fields `generation`, `version` and
 * `digest`.
 */
export function pointerKey({ tenant, bundle, channel }: PointerId): string {
  return tenantKey(tenant, `pointer:${bundle}/${channel}`);
}

/**
 * Returns the Redis key of a bundle. The value is a hash with the content of each file by its path. Each
 * tenant has its own copy, even if two tenants have the same bundle.
 */
export function bundleKey(tenant: string, digest: string): string {
  return tenantKey(tenant, `bundle:${digest}`);
}

/**
 * Returns the Redis key of the set of pointers that use a bundle. When the set is empty, the bundle expires.
 */
export function pointedKey(tenant: string, digest: string): string {
  return tenantKey(tenant, `pointed:${digest}`);
}

/**
 * The field with the manifest, in the hash of a bundle. Its name starts with a slash, so it never equals the
 * path of a file, which is relative. The worker writes this field last. A bundle without it is therefore
 * incomplete.
 */
export const MANIFEST_FIELD = '/manifest';

/** A pointer as it is stored in the Redis cache. */
export const CachedPointer = z.object({
  generation: z.coerce.number().pipe(Generation.min(1)),
  version: z.coerce.number().pipe(Version),
  digest: Digest,
});
export type CachedPointer = z.infer<typeof CachedPointer>;
