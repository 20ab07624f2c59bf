import { z } from 'zod';

import { retentionLimits } from '../../core/storage-limits.ts';
import type { Database } from './database.ts';
import { allRows, answerOf, at, Big } from './rows.ts';

/** Deleting what has had its time, a batch a call. Each gives how many rows it deleted: a full batch means that there may be more. */

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

/** Tenants with stored content of which nobody has looked yet whether anything names it. */
export async function tenantsToSweep(db: Database): Promise<string[]> {
  const rows = await db.platform('SELECT tenant FROM tenants_to_sweep($1)', [retentionLimits.tenants]);
  return allRows(z.object({ tenant: z.string() }), rows).map(({ tenant }) => tenant);
}

/** Deletes what nothing names of that content, and gives the rest its time. @returns how many pieces were looked at */
export async function sweepContent(db: Database, tenant: string): Promise<number> {
  const values = [retentionLimits.batch, retentionLimits.batchBytes];
  return answerOf(Big, await db.answer(tenant, 'sweep_content($1, $2, $3)', values));
}
