import { z } from 'zod';

import type { Database } from '../database.ts';
import { allRows } from '../rows.ts';

const Executor = z.enum(['local', 'http', 'celery']);
export type Executor = z.infer<typeof Executor>;

/**
 * Returns whether the tenant's current policy compiles sources locally, or remotely over HTTP or Celery. Returns null
 * if the tenant does not exist.
 */
export async function findExecutor(db: Database, tenant: string): Promise<Executor | null> {
  const sql = `SELECT coalesce(compile_rule(tenant, policy_now(tenant))->>'executor', 'local') AS executor
    FROM tenants WHERE tenant = $1`;
  const rows = await db.call(tenant, sql, [tenant]);
  return allRows(z.object({ executor: Executor }), rows)[0]?.executor ?? null;
}
