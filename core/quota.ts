import { z } from 'zod';

import { PointsmanError } from './errors.ts';

/** What a tenant may have so much of and no more. */
export const QuotaName = z.enum([
  'bytes',
  'bundles',
  'releasesInFlight',
  'changesPerDay',
  'policyVersions',
  'followers',
  'tokens',
  'hooks',
  'sinks',
]);
export type QuotaName = z.infer<typeof QuotaName>;

const Amount = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);

/** A quota of one tenant, and what the tenant uses of it: more than the limit where that was lowered. */
export const Quota = z.object({ quota: QuotaName, used: Amount, limit: Amount, default: Amount });
export type Quota = z.infer<typeof Quota>;

/** A request that would go past a quota. Nothing of it was done. */
export const QuotaExceeded = z.object({
  kind: z.literal('quota_exceeded'),
  quota: QuotaName,
  used: Amount,
  limit: Amount,
});
export type QuotaExceeded = z.infer<typeof QuotaExceeded>;

/** The limits that an operator sets; null gives a quota its default back. */
export const QuotaChanges = z
  .partialRecord(QuotaName, Amount.nullable())
  .refine((changes) => Object.keys(changes).length > 0, 'must name at least one quota');
export type QuotaChanges = z.infer<typeof QuotaChanges>;

const UNITS: Readonly<Record<QuotaName, string>> = {
  bytes: 'bytes of stored content',
  bundles: 'bundles',
  releasesInFlight: 'releases in flight',
  changesPerDay: 'changes of this day (UTC)',
  policyVersions: 'versions of the policy',
  followers: 'followers',
  tokens: 'active tokens',
  hooks: 'hooks',
  sinks: 'webhooks',
};

const REMEDIES: Readonly<Record<QuotaName, string>> = {
  bytes:
    'Content of refused publishes is deleted within an hour; otherwise ask the operator for a higher quota.',
  bundles: 'Ask the operator for a higher quota.',
  releasesInFlight: 'Try again when some have ended, or cancel some.',
  changesPerDay: 'Try again tomorrow, or ask the operator for a higher quota.',
  policyVersions: 'Ask the operator for a higher quota.',
  followers: 'Try again when some have been silent for a day, or ask the operator for a higher quota.',
  tokens: 'Revoke some first.',
  hooks: 'Delete one first.',
  sinks: 'Delete one first.',
};

/** One sentence about what is used up, and one about what to do. */
export function describeExceeded({ quota, used, limit }: Omit<QuotaExceeded, 'kind'>): string {
  return `The quota "${quota}" is used up: ${used} of ${limit} ${UNITS[quota]}. ${REMEDIES[quota]}`;
}

/**
 * The error of a request that would go past a quota.
 *
 * @param asked of the same unit, what the request would add: when that alone is more than the limit, no waiting makes room for it
 */
export function quotaError({ quota, used, limit }: Omit<QuotaExceeded, 'kind'>, asked = 1): PointsmanError {
  const details = { quota: { quota, used, limit } };
  if (asked > limit && asked > 1) {
    const detail = `The request adds ${asked} ${UNITS[quota]}, and the quota "${quota}" is ${limit}.`;
    return new PointsmanError('larger_than_quota', detail, { details });
  }
  return new PointsmanError('quota_exceeded', describeExceeded({ quota, used, limit }), { details });
}

/** How long the client should wait, in seconds (RFC 9110, section 10.2.3). */
export function retryAfterSeconds(quota: QuotaName, nowMs: number): number {
  if (quota === 'releasesInFlight') return 10;
  if (quota !== 'changesPerDay') return 3_600;
  const dayMs = 86_400_000;
  return Math.ceil((dayMs - (nowMs % dayMs)) / 1_000);
}
