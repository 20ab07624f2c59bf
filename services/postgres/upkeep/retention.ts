import { z } from 'zod';

import { retentionLimits } from '../../../core/limits/storage-limits.ts';
import type { Database } from '../database.ts';
import { allRows, answerOf, at, Big } from '../rows.ts';

/**
 * These functions delete expired rows, one batch per call. Each returns the number of deleted rows. If the batch was
 * full, more rows may be expired.
 */

/**
 * Deletes expired idempotency keys. The keys of requests that created tokens are also deleted; they are stored in the
 * rows of the tokens.
 */
export async function forgetKeys(db: Database, beforeMs: number): Promise<number> {
  const values = [at(beforeMs), retentionLimits.batch];
  const keys = answerOf(Big, await db.platform('SELECT forget_keys($1, $2) AS answer', values));
  const ofTokens = answerOf(Big, await db.platform('SELECT forget_token_keys($1, $2) AS answer', values));
  return Math.max(keys, ofTokens);
}

export async function forgetAudit(db: Database, beforeMs: number): Promise<number> {
  const values = [at(beforeMs), retentionLimits.batch];
  return answerOf(Big, await db.platform('SELECT forget_audit($1, $2) AS answer', values));
}

/**
 * Lists the next tenants whose stored content is due for a check, by name, starting after `after`. A result with
 * fewer than `retentionLimits.tenants` names is the last page.
 */
export async function tenantsToSweep(db: Database, after = ''): Promise<string[]> {
  const values = [after, retentionLimits.tenants];
  const rows = await db.platform('SELECT tenant FROM tenants_to_sweep($1, $2)', values);
  return allRows(z.object({ tenant: z.string() }), rows).map(({ tenant }) => tenant);
}

/**
 * Checks the content of a tenant that is due for a check, and deletes content that nothing refers to.
 * @returns the number of sources and blobs that were checked
 */
export async function sweepContent(db: Database, tenant: string): Promise<number> {
  const { batch, sweptBytes } = retentionLimits;
  const values = [batch, sweptBytes];
  return answerOf(Big, await db.answer(tenant, 'sweep_content($1, $2, $3)', values));
}
