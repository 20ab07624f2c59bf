import { z } from 'zod';

/**
 * The format of the name of a tenant, a bundle or a channel. It is that of a DNS label (RFC 1123, section
 * 2.1). A name needs no escaping in a Restate key, a Redis key or the name of an OCI repository. It contains
 * no dots, so it needs none in a RabbitMQ routing key either.
 */
const NAME = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

const nameRule = '1 to 63 characters of a-z, 0-9 and "-", not beginning or ending with "-"';

export const TenantName = z.string().regex(NAME, `a tenant's name is ${nameRule}`);
export const BundleName = z.string().regex(NAME, `a bundle's name is ${nameRule}`);
export const ChannelName = z.string().regex(NAME, `a channel's name is ${nameRule}`);
export const HookName = z.string().regex(NAME, `a hook's name is ${nameRule}`);
export const SinkName = z.string().regex(NAME, `a sink's name is ${nameRule}`);
export const FollowerName = z.string().regex(NAME, `a follower's name is ${nameRule}`);

/**
 * The name of the gate that waits for the `notBefore` of a release. A policy can't use this name for another
 * gate.
 */
export const SCHEDULE_GATE = 'schedule';

/** The name of a gate. A check is a gate too. The name is part of URLs and Restate keys. */
export const GateName = z
  .string()
  .regex(NAME, `a gate's name is ${nameRule}`)
  .refine(
    (name) => name !== SCHEDULE_GATE,
    `"${SCHEDULE_GATE}" is reserved for the gate of a release's own "notBefore"`,
  );

/** The version of a release, its number within the bundle. Versions start at 1 and are never reused. */
export const Version = z.number().int().min(1).max(Number.MAX_SAFE_INTEGER);

/**
 * The generation of a pointer: how many times it has moved. It is the fencing token of a swap and the ETag of
 * the pointer. 0 means that the pointer has never moved.
 */
export const Generation = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);

/**
 * A digest: `sha256:` and 64 lower-case hex digits (OCI image-spec 1.1, descriptor.md, "Registered
 * algorithms").
 */
export const Digest = z.string().regex(/^sha256:[0-9a-f]{64}$/, 'a digest is "sha256:" and 64 hex digits');

/** The channel of a publish that does not name one. */
export const DEFAULT_CHANNEL = 'live';

export interface ReleaseId {
  readonly tenant: string;
  readonly bundle: string;
  readonly version: number;
}

export interface PointerId {
  readonly tenant: string;
  readonly bundle: string;
  readonly channel: string;
}

/** Returns the Restate key of a release's workflow, for example `acme/support-bot/v12`. */
export function releaseKey(id: ReleaseId): string {
  return `${id.tenant}/${id.bundle}/v${id.version}`;
}

/** Parses the result of {@link releaseKey}. Returns null for any other text. */
export function parseReleaseKey(key: string): ReleaseId | null {
  const match = /^([^/]+)\/([^/]+)\/v([1-9][0-9]{0,15})$/.exec(key);
  if (!match) return null;
  const [, tenant = '', bundle = '', version = ''] = match;
  if (!NAME.test(tenant) || !NAME.test(bundle)) return null;
  return { tenant, bundle, version: Number(version) };
}

/**
 * Returns the correlation ID of a release, for example `acme:support-bot:v12`. It identifies the release in
 * log lines, headers, database rows and outgoing calls.
 */
export function correlationId(id: ReleaseId): string {
  return `${id.tenant}:${id.bundle}:v${id.version}`;
}
