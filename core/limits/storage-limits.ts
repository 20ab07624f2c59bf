/** Limits of storage and retention, with their reasons; see core/limits/limits.ts. Sizes are bytes, times are milliseconds. */

const MiB = 1024 * 1024;
const minute = 60_000;

/**
 * The default quotas of a tenant: enough for legitimate use, and too small to fill a disk before an operator
 * notices. The function `quota_default` in services/postgres/functions/quotas.sql must return the same
 * numbers.
 */
export const quotaDefaults = {
  /**
   * The stored bytes of blobs, source file lists and diagnostics: enough for 160 of the largest sources and
   * their compiled output, or for years of typical ones.
   */
  bytes: 10 * 1024 * MiB,
  /** The maximum number of bundles. Each bundle has channels and a value of durable state, and can't be deleted. */
  bundles: 1_000,
  /**
   * The maximum number of releases in flight: as many as ten full queues hold. Each release is a workflow in Restate
   * and a few rows.
   */
  releasesInFlight: 1_000,
  /**
   * The number of audit rows and hook deliveries per day (UTC). A publish creates three of them, and about 8
   * KB of rows in total, so the quota allows 33,000 publishes or 270 MB a day. Moves, holds, cancels,
   * decisions and deletions count too, but are never refused.
   */
  changesPerDay: 100_000,
  /**
   * The number of policy versions: about one a day for three years. A version has up to 64 KiB and is never
   * deleted, because each release refers to the version under which it was admitted.
   */
  policyVersions: 1_000,
  /**
   * The number of followers of all channels together. A follower takes 300 bytes. In addition, each channel
   * has its own limit.
   */
  followers: 50_000,
  /** The maximum number of active tokens: one for each person, pipeline and runtime. */
  tokens: 1_000,
  /** The maximum number of hooks: one for each branch of each repository. All of them fit on one page of a list. */
  hooks: 200,
  /** The maximum number of webhooks. Each webhook has its own writer, and a thousand stored delivery attempts. */
  sinks: 20,
} as const;

/** Limits of data that is stored for a limited time. */
export const retentionLimits = {
  /**
   * How long idempotency keys are stored. Clients retry within minutes, and people repeat a pipeline within
   * days.
   */
  keysMs: 7 * 24 * 60 * minute,
  /**
   * How many days audit rows are stored unless an operator sets another number: a year, and some time to
   * review it.
   */
  auditDays: 400,
  shortestAuditDays: 30,
  longestAuditDays: 36_500,
  /** The maximum number of rows that one statement deletes. It takes tens of milliseconds. */
  batch: 1_000,
  /**
   * The bytes of content and source file lists that one statement deletes, which takes a few hundred
   * milliseconds. PostgreSQL stores content in chunks of 2 KB and deletes each. A file list has one row per
   * file; deleting 10,000 rows takes 30 ms.
   */
  sweptBytes: 16 * MiB,
  /** The maximum number of consecutive deletions of one kind of data. Then the sweep handles releases again. */
  batches: 10,
  /** The maximum number of tenants whose content one round of the sweep checks. */
  tenants: 100,
  /**
   * The duration of one round. Then the sweep handles releases again, and the next round continues with the
   * next tenant.
   */
  roundMs: 20_000,
} as const;
