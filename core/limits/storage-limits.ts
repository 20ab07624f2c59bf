/** Limits of storage and retention, with their reasons; see core/limits/limits.ts. Sizes are bytes, times are milliseconds. */

const MiB = 1024 * 1024;
const minute = 60_000;

/**
 * The default quotas of a tenant: enough for honest use, and together too small to fill a disk before an operator notices. The database has
 * the same numbers: quota_default in services/postgres/functions/quotas.sql.
 */
export const quotaDefaults = {
  /** Content of blobs, listings of sources, diagnostics: 160 of the largest sources with what they compile to, or years of usual ones. */
  bytes: 10 * 1024 * MiB,
  /** Each is a number of channels and a value of durable state. They can't be deleted. */
  bundles: 1_000,
  /** Each is a workflow in Restate and a few rows. Ten full queues. */
  releasesInFlight: 1_000,
  /**
   * Audit rows and hook deliveries of one day (UTC). A publish makes three, with about 8 KB of rows in all: 33,000 publishes, or 270 MB a day.
   * Moves, holds, cancels, decisions and deletions are counted and never refused.
   */
  changesPerDay: 100_000,
  /** Each has up to 64 KiB and stays, because a release keeps the policy version under which it was admitted. One a day for three years. */
  policyVersions: 1_000,
  /** Followers in all channels together. A follower takes 300 bytes. Each channel also has its own limit. */
  followers: 50_000,
  /** Active tokens: one for each person, pipeline and runtime. */
  tokens: 1_000,
  /** Repositories times branches. Each is looked up by name, and their list is a page. */
  hooks: 200,
  /** Webhooks. Each has its own writer and keeps a thousand attempts. */
  sinks: 20,
} as const;

/** Data that is kept for a limited time. */
export const retentionLimits = {
  /** Idempotency keys. Retries come within minutes, and a pipeline that a person repeats within days. */
  keysMs: 7 * 24 * 60 * minute,
  /** Audit rows, unless an operator sets another number of days: a year, and some time to look back at it. */
  auditDays: 400,
  shortestAuditDays: 30,
  longestAuditDays: 36_500,
  /** Rows that one statement deletes: tens of milliseconds. */
  batch: 1_000,
  /**
   * Content, and listings of sources, that one statement deletes: some hundred milliseconds. PostgreSQL deletes content in pieces of 2 KB; a listing
   * has a row for each of its files, 30 ms for one of 10,000 files.
   */
  sweptBytes: 16 * MiB,
  /** Statements of one kind in a row, before the sweep handles releases again. */
  batches: 10,
  /** Tenants whose content one round checks. */
  tenants: 100,
  /** Time of one round, before the sweep handles releases again. The next round continues with the next tenant. */
  roundMs: 20_000,
} as const;
