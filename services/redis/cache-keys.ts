import { z } from 'zod';

import { Digest, Generation, type PointerId, Version } from '../../core/identifiers.ts';
import { tenantKey } from '../../core/sink.ts';

/** A pointer, as a hash of `generation`, `version`, `digest`. */
export function pointerKey({ tenant, bundle, channel }: PointerId): string {
  return tenantKey(tenant, `pointer:${bundle}/${channel}`);
}

/** A bundle, as a hash of its files' contents by path. Stored once for each tenant, also where two tenants have the same bundle. */
export function bundleKey(tenant: string, digest: string): string {
  return tenantKey(tenant, `bundle:${digest}`);
}

/** Which pointers name a bundle, as a set. Without any, the bundle expires. */
export function pointedKey(tenant: string, digest: string): string {
  return tenantKey(tenant, `pointed:${digest}`);
}

/** Beside the files, and no file: a path is relative. Written last, so that a bundle without it is not whole. */
export const MANIFEST_FIELD = '/manifest';

/** A pointer as the cache has it. */
export const CachedPointer = z.object({
  generation: z.coerce.number().pipe(Generation.min(1)),
  version: z.coerce.number().pipe(Version),
  digest: Digest,
});
export type CachedPointer = z.infer<typeof CachedPointer>;
