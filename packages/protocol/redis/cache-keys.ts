import { z } from 'zod';

import { Digest, Generation, type PointerId, Version } from '../identifiers.ts';
import { tenantKey } from '../sinks/sink.ts';

/** The key of a pointer: a hash of `generation`, `version`, `digest`. */
export function pointerKey({ tenant, bundle, channel }: PointerId): string {
  return tenantKey(tenant, `pointer:${bundle}/${channel}`);
}

/**
 * The key of a bundle: a hash of file contents by path. It is stored per tenant, even if two tenants have the
 * same bundle.
 */
export function bundleKey(tenant: string, digest: string): string {
  return tenantKey(tenant, `bundle:${digest}`);
}

/** The key of the set of pointers that use a bundle. A bundle without pointers expires. */
export function pointedKey(tenant: string, digest: string): string {
  return tenantKey(tenant, `pointed:${digest}`);
}

/**
 * The hash field that contains the manifest, next to the fields of the files. It can't collide with a file
 * path, because those are relative. The worker writes it last, so a bundle without it is incomplete.
 */
export const MANIFEST_FIELD = '/manifest';

/** A cached pointer. */
export const CachedPointer = z.object({
  generation: z.coerce.number().pipe(Generation.min(1)),
  version: z.coerce.number().pipe(Version),
  digest: Digest,
});
export type CachedPointer = z.infer<typeof CachedPointer>;
