import { z } from 'zod';

import { retentionLimits } from '../../../core/limits/storage-limits.ts';
import type { Database } from '../database.ts';
import { allRows, answerOf, at, Big } from '../rows.ts';

/** Deletes expired rows, a batch a call. Each function returns how many rows it deleted: a full batch means that there may be more. */

/** Idempotency keys: those under which tokens were made as well, which stand in their rows. */
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

/** The next tenants after that name with stored content whose check is due, in the order of their names. Fewer than `retentionLimits.tenants` at the end. */
export async function tenantsToSweep(db: Database, after = ''): Promise<string[]> {
  const values = [after, retentionLimits.tenants];
  const rows = await db.platform('SELECT tenant FROM tenants_to_sweep($1, $2)', values);
  return allRows(z.object({ tenant: z.string() }), rows).map(({ tenant }) => tenant);
}

/** Checks the tenant's content that is due, and deletes what nothing uses. @returns how many sources and blobs were checked */
export async function sweepContent(db: Database, tenant: string): Promise<number> {
  const { batch, sweptBytes } = retentionLimits;
  const values = [batch, sweptBytes];
  return answerOf(Big, await db.answer(tenant, 'sweep_content($1, $2, $3)', values));
}
