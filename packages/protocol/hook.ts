import { z } from 'zod';

import { BundleName, ChannelName, HookName, TenantName } from './identifiers.ts';
import type { Outcome } from './releases/release.ts';

/**
 * The provider that sends the deliveries of a hook. It determines the format and the signature of a delivery,
 * the URL from which the source is fetched, and the API for commit statuses.
 */
export const HookProvider = z.enum(['github', 'gitlab', 'generic']);
export type HookProvider = z.infer<typeof HookProvider>;

/**
 * The ID that the provider gives to a delivery. A repeated delivery has the same ID. The ID is part of
 * Restate keys, so it must not contain a slash, which separates the parts of a key.
 */
export const DeliveryId = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/,
    'a delivery\'s id is 1 to 128 characters of a-z, A-Z, 0-9, ".", "_" and "-", beginning with a letter or digit',
  );

/** The full name of a delivery, the notification of one push. */
export interface DeliveryName {
  readonly tenant: string;
  readonly hook: string;
  readonly delivery: string;
}

/**
 * Returns the Restate key of a delivery, for its workflow and for its commit status object. Example:
 * `acme/main/72d3162e-cc78-11e3-81ab-4c9367dc0958`.
 */
export function deliveryKey({ tenant, hook, delivery }: DeliveryName): string {
  return `${tenant}/${hook}/${delivery}`;
}

/** Parses the result of {@link deliveryKey}. Returns null for any other text. */
export function parseDeliveryKey(key: string): DeliveryName | null {
  const [tenant = '', hook = '', delivery = '', ...more] = key.split('/');
  const isOne =
    more.length === 0 &&
    TenantName.safeParse(tenant).success &&
    HookName.safeParse(hook).success &&
    DeliveryId.safeParse(delivery).success;
  return isOne ? { tenant, hook, delivery } : null;
}

/**
 * Returns the correlation ID of a delivery, for example `acme:hooks:main:72d3162e-…`. It is used in log lines
 * and outgoing calls as long as the delivery has no release.
 */
export function deliveryCorrelationId({ tenant, hook, delivery }: DeliveryName): string {
  return `${tenant}:hooks:${hook}:${delivery}`;
}

/**
 * Returns the name that is recorded as the author of a hook's releases. It contains a slash, so it never
 * equals the name of a token.
 */
export function hookAuthor(hook: string): string {
  return `hook/${hook}`;
}

/** The state of a delivery. `refused`: a person or a rule rejected it. `failed`: an error occurred. */
export const DeliveryState = z.enum(['received', 'fetching', 'published', 'refused', 'ignored', 'failed']);
export type DeliveryState = z.infer<typeof DeliveryState>;

/** The Git push that caused a release. */
export const Origin = z.object({
  hook: HookName,
  delivery: DeliveryId,
  repository: z.string(),
  ref: z.string(),
  commit: z.string(),
});
export type Origin = z.infer<typeof Origin>;

/**
 * The state of a commit status, independent of the provider. Some providers have fewer states, or other names
 * for them.
 */
export type CommitState = 'pending' | 'success' | 'failure' | 'error' | 'cancelled';

/**
 * Returns the commit status for the outcome of a release. An outcome of null means that the release has not
 * settled yet. `failure`: a person or a rule rejected the release. `error`: it failed because of an outage or
 * a defect.
 */
export function commitState(outcome: Outcome | null): CommitState {
  switch (outcome) {
    case null:
      return 'pending';
    case 'published':
    case 'unchanged':
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
 * Returns the context of a commit status, which is the name that the provider shows. Each pointer has its own
 * context. Two hooks of one repository therefore do not overwrite each other's status.
 */
export function statusContext({ bundle, channel }: { bundle: string; channel: string }): string {
  return `pointsman/${BundleName.parse(bundle)}/${ChannelName.parse(channel)}`;
}
