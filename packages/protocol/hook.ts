import { z } from 'zod';

import { BundleName, ChannelName, HookName, TenantName } from './identifiers.ts';
import type { Outcome } from './releases/release.ts';

/**
 * The provider that sends a hook's deliveries. It determines the format and the signature of the deliveries,
 * the URL of the source, and the API for commit statuses.
 */
export const HookProvider = z.enum(['github', 'gitlab', 'generic']);
export type HookProvider = z.infer<typeof HookProvider>;

/**
 * The provider's ID of a delivery, which identifies a repeated delivery. It is part of Restate keys, so it
 * must not contain their separator.
 */
export const DeliveryId = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/,
    'a delivery\'s id is 1 to 128 characters of a-z, A-Z, 0-9, ".", "_" and "-", beginning with a letter or digit',
  );

/** Identifies a delivery. */
export interface DeliveryName {
  readonly tenant: string;
  readonly hook: string;
  readonly delivery: string;
}

/** The key of a delivery's workflow and of its commit status object: `acme/main/72d3162e-cc78-11e3-81ab-4c9367dc0958`. */
export function deliveryKey({ tenant, hook, delivery }: DeliveryName): string {
  return `${tenant}/${hook}/${delivery}`;
}

/** The inverse of {@link deliveryKey}; null for any other text. */
export function parseDeliveryKey(key: string): DeliveryName | null {
  const [tenant = '', hook = '', delivery = '', ...more] = key.split('/');
  const isOne =
    more.length === 0 &&
    TenantName.safeParse(tenant).success &&
    HookName.safeParse(hook).success &&
    DeliveryId.safeParse(delivery).success;
  return isOne ? { tenant, hook, delivery } : null;
}

/** Identifies a delivery without a release in log lines and outgoing calls: `acme:hooks:main:72d3162e-…`. */
export function deliveryCorrelationId({ tenant, hook, delivery }: DeliveryName): string {
  return `${tenant}:hooks:${hook}:${delivery}`;
}

/**
 * Returns the author that is recorded for releases published by a hook. It contains a slash, which a token's
 * name can't, so the two never collide.
 */
export function hookAuthor(hook: string): string {
  return `hook/${hook}`;
}

/** The state of a delivery. `refused`: a person or a rule refused it. `failed`: an error occurred. */
export const DeliveryState = z.enum(['received', 'fetching', 'published', 'refused', 'ignored', 'failed']);
export type DeliveryState = z.infer<typeof DeliveryState>;

/** The push that caused a release. */
export const Origin = z.object({
  hook: HookName,
  delivery: DeliveryId,
  repository: z.string(),
  ref: z.string(),
  commit: z.string(),
});
export type Origin = z.infer<typeof Origin>;

/** The state of a commit status. Providers have fewer states, or different names for them. */
export type CommitState = 'pending' | 'success' | 'failure' | 'error' | 'cancelled';

/**
 * Returns the commit state for the outcome of a release. A null outcome means that the release has not
 * settled. `failure`: a person or a rule rejected the release. `error`: an outage or a defect.
 */
export function commitState(outcome: Outcome | null): CommitState {
  switch (outcome) {
    case null:
      return 'pending';
    case 'published':
      return 'success';
    case 'errored':
      return 'error';
    case 'superseded':
    case 'cancelled':
      return 'cancelled';
    case 'rejected':
      return 'failure';
  }
}

/**
 * Returns the context (name) of a commit status. Each pointer has its own, so that two hooks of one
 * repository do not overwrite each other's status.
 */
export function statusContext({ bundle, channel }: { bundle: string; channel: string }): string {
  return `pointsman/${BundleName.parse(bundle)}/${ChannelName.parse(channel)}`;
}
