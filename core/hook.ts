import { z } from 'zod';

import { BundleName, ChannelName, HookName, TenantName } from './identifiers.ts';
import type { Outcome } from './releases/release.ts';

/** Whose deliveries a hook takes: how they are signed, what they say, and where their source and their commit's status are. */
export const HookProvider = z.enum(['github', 'gitlab', 'generic']);
export type HookProvider = z.infer<typeof HookProvider>;

/** By what a provider knows its delivery again. It stands in Restate keys, so that it has none of their separators. */
export const DeliveryId = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/,
    'a delivery\'s id is 1 to 128 characters of a-z, A-Z, 0-9, ".", "_" and "-", beginning with a letter or digit',
  );

/** Names one delivery everywhere. */
export interface DeliveryName {
  readonly tenant: string;
  readonly hook: string;
  readonly delivery: string;
}

/** The key of a delivery's workflow and of its reporter, as operators see it: `acme/main/72d3162e-cc78-11e3-81ab-4c9367dc0958`. */
export function deliveryKey({ tenant, hook, delivery }: DeliveryName): string {
  return `${tenant}/${hook}/${delivery}`;
}

/** The inverse of {@link deliveryKey}; null for anything that it did not make. */
export function parseDeliveryKey(key: string): DeliveryName | null {
  const [tenant = '', hook = '', delivery = '', ...more] = key.split('/');
  const isOne =
    more.length === 0 &&
    TenantName.safeParse(tenant).success &&
    HookName.safeParse(hook).success &&
    DeliveryId.safeParse(delivery).success;
  return isOne ? { tenant, hook, delivery } : null;
}

/** Travels in the log lines and outgoing calls of a delivery that has no release: `acme:hooks:main:72d3162e-…`. */
export function deliveryCorrelationId({ tenant, hook, delivery }: DeliveryName): string {
  return `${tenant}:hooks:${hook}:${delivery}`;
}

/** Who stands in the record for what a hook publishes. No token's name has a slash behind "hook". */
export function hookAuthor(hook: string): string {
  return `hook/${hook}`;
}

/** How far a delivery has come. `refused`: somebody or some rule said no. `failed`: something broke. */
export const DeliveryState = z.enum(['received', 'fetching', 'published', 'refused', 'ignored', 'failed']);
export type DeliveryState = z.infer<typeof DeliveryState>;

/** The push that a release came from. */
export const Origin = z.object({
  hook: HookName,
  delivery: DeliveryId,
  repository: z.string(),
  ref: z.string(),
  commit: z.string(),
});
export type Origin = z.infer<typeof Origin>;

/** What a commit is told. Providers know fewer words, or others. */
export type CommitState = 'pending' | 'success' | 'failure' | 'error' | 'cancelled';

/** Null: there is no last word yet. What somebody or some rule said no to, and what broke, are never mixed. */
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

/** By what name a commit is told: one for each pointer, so that two hooks of a repository do not speak over each other. */
export function statusContext({ bundle, channel }: { bundle: string; channel: string }): string {
  return `pointsman/${BundleName.parse(bundle)}/${ChannelName.parse(channel)}`;
}
