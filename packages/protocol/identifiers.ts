import { z } from 'zod';

/**
 * The name of a tenant, bundle or channel. The rule follows DNS labels (RFC 1123, section 2.1), so a name needs no escaping in a Restate
 * key, a RabbitMQ routing key (no dots), a Redis key or an OCI repository name.
 */
const NAME = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

const nameRule = '1 to 63 characters of a-z, 0-9 and "-", not beginning or ending with "-"';

export const TenantName = z.string().regex(NAME, `a tenant's name is ${nameRule}`);
export const BundleName = z.string().regex(NAME, `a bundle's name is ${nameRule}`);
export const ChannelName = z.string().regex(NAME, `a channel's name is ${nameRule}`);
export const HookName = z.string().regex(NAME, `a hook's name is ${nameRule}`);
export const SinkName = z.string().regex(NAME, `a sink's name is ${nameRule}`);
export const FollowerName = z.string().regex(NAME, `a follower's name is ${nameRule}`);

/** The gate for a release's own `notBefore`. A policy cannot use this name. */
export const SCHEDULE_GATE = 'schedule';

/** The name of a gate or a check. It is part of URLs and of Restate keys. */
export const GateName = z
  .string()
  .regex(NAME, `a gate's name is ${nameRule}`)
  .refine(
    (name) => name !== SCHEDULE_GATE,
    `"${SCHEDULE_GATE}" is reserved for the gate of a release's own "notBefore"`,
  );

/** The number of a release within its bundle. It starts at 1 and is never reused. */
export const Version = z.number().int().min(1).max(Number.MAX_SAFE_INTEGER);

/**
 * The number of times that a pointer has moved. It is the fencing token of a swap, and the pointer's ETag. 0
 * means that the pointer has never moved.
 */
export const Generation = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);

/** `sha256:` and 64 lower-case hex digits (OCI image-spec 1.1, descriptor.md, "Registered algorithms"). */
export const Digest = z.string().regex(/^sha256:[0-9a-f]{64}$/, 'a digest is "sha256:" and 64 hex digits');

/** The default channel of a publish. */
export const DEFAULT_CHANNEL = 'live';

/** Identifies a release. */
export interface ReleaseId {
  readonly tenant: string;
  readonly bundle: string;
  readonly version: number;
}

/** Identifies a pointer. */
export interface PointerId {
  readonly tenant: string;
  readonly bundle: string;
  readonly channel: string;
}

/** The key of the release's workflow in Restate: `acme/support-bot/v12`. */
export function releaseKey(id: ReleaseId): string {
  return `${id.tenant}/${id.bundle}/v${id.version}`;
}

/** The inverse of {@link releaseKey}; null for any other text. */
export function parseReleaseKey(key: string): ReleaseId | null {
  const match = /^([^/]+)\/([^/]+)\/v([1-9][0-9]{0,15})$/.exec(key);
  if (!match) return null;
  const [, tenant = '', bundle = '', version = ''] = match;
  if (!NAME.test(tenant) || !NAME.test(bundle)) return null;
  return { tenant, bundle, version: Number(version) };
}

/** Identifies a release in every log line, header, row and outgoing call: `acme:support-bot:v12`. */
export function correlationId(id: ReleaseId): string {
  return `${id.tenant}:${id.bundle}:v${id.version}`;
}
