import { z } from 'zod';

import { PointsmanError } from './errors.ts';

/** The names of the quotas. Each limits how much of a resource a tenant may use. */
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

/**
 * A quota of a tenant, and how much of it is used. The usage can exceed the limit if an operator has lowered
 * the limit.
 */
export const Quota = z.object({ quota: QuotaName, used: Amount, limit: Amount, default: Amount });
export type Quota = z.infer<typeof Quota>;

/** The result of a request that was rejected because it would exceed a quota. */
export const QuotaExceeded = z.object({
  kind: z.literal('quota_exceeded'),
  quota: QuotaName,
  used: Amount,
  limit: Amount,
});
export type QuotaExceeded = z.infer<typeof QuotaExceeded>;

/** The limits that an operator changes. Null restores the default limit. */
export const QuotaChanges = z
  .partialRecord(QuotaName, Amount.nullable())
  .refine((changes) => Object.keys(changes).length > 0, 'must name at least one quota')
  .meta({
    id: 'QuotaChanges',
    description: 'New limits by quota. `null` restores the default; an omitted quota keeps its limit.',
    example: { bytes: 21_474_836_480, hooks: null },
  });
export type QuotaChanges = z.infer<typeof QuotaChanges>;

const UNITS: Readonly<Record<QuotaName, string>> = {
  bytes: 'bytes of stored content',
  bundles: 'bundles',
  releasesInFlight: 'releases in flight',
  changesPerDay: 'changes today (UTC)',
  policyVersions: 'versions of the policy',
  followers: 'followers',
  tokens: 'active tokens',
  hooks: 'hooks',
  sinks: 'webhooks',
};

const REMEDIES: Readonly<Record<QuotaName, string>> = {
  bytes:
    'Content of refused publishes is deleted within an hour. Otherwise ask the operator for a higher quota.',
  bundles: 'Ask the operator for a higher quota.',
  releasesInFlight: 'Wait until some have ended, or cancel some.',
  changesPerDay: 'Try again tomorrow, or ask the operator for a higher quota.',
  policyVersions: 'Ask the operator for a higher quota.',
  followers:
    'Followers are removed after a day without an acknowledgement. Otherwise ask the operator for a higher quota.',
  tokens: 'Revoke some first.',
  hooks: 'Delete one first.',
  sinks: 'Delete one first.',
};

/** Returns two sentences for an error message: which quota is exhausted, and what the user can do. */
export function describeExceeded({ quota, used, limit }: Omit<QuotaExceeded, 'kind'>): string {
  return `The quota "${quota}" is exhausted: ${used} of ${limit} ${UNITS[quota]}. ${REMEDIES[quota]}`;
}

/**
 * Returns the error for a request that would exceed a quota.
 * @param asked the amount that the request would add, in the unit of the quota. If this amount alone exceeds
 * the limit, waiting does not help, so the error has another code.
 */
export function quotaError({ quota, used, limit }: Omit<QuotaExceeded, 'kind'>, asked = 1): PointsmanError {
  const details = { quota: { quota, used, limit } };
  if (asked > limit && asked > 1) {
    const detail = `The request adds ${asked} ${UNITS[quota]}, more than the quota "${quota}" of ${limit}.`;
    return new PointsmanError('larger_than_quota', detail, { details });
  }
  return new PointsmanError('quota_exceeded', describeExceeded({ quota, used, limit }), { details });
}

/**
 * Returns after how many seconds a client should retry a request that exceeded the quota. It is the value of
 * Retry-After (RFC 9110, section 10.2.3).
 */
export function retryAfterSeconds(quota: QuotaName, nowMs: number): number {
  if (quota === 'releasesInFlight') return 10;
  if (quota !== 'changesPerDay') return 3_600;
  const dayMs = 86_400_000;
  return Math.ceil((dayMs - (nowMs % dayMs)) / 1_000);
}
