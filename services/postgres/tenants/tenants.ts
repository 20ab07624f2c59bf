import { z } from 'zod';

import type { Database } from '../database.ts';
import { allRows, at, Iso } from '../rows.ts';

const TenantRow = z.object({ tenant: z.string(), created_at: Iso });

export interface TenantRecord {
  readonly tenant: string;
  readonly createdAt: string;
}

export async function createTenant(
  db: Database,
  tenant: string,
  by: string,
  epochMs: number,
): Promise<'created' | 'exists'> {
  const rows = await db.call(
    tenant,
    'INSERT INTO tenants (tenant, created_by, created_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING RETURNING tenant',
    [tenant, by, at(epochMs)],
  );
  return rows.length > 0 ? 'created' : 'exists';
}

export async function findTenant(db: Database, tenant: string): Promise<TenantRecord | null> {
  const rows = await db.call(tenant, 'SELECT tenant, created_at FROM tenants WHERE tenant = $1', [tenant]);
  return allRows(TenantRow, rows).map(shown)[0] ?? null;
}

/** Lists tenants by name. `after` is the last name of the previous page. */
export async function listTenants(
  db: Database,
  { after = '', limit }: { after?: string; limit: number },
): Promise<TenantRecord[]> {
  const rows = await db.platform('SELECT tenant, created_at FROM list_tenants($1, $2)', [after, limit]);
  return allRows(TenantRow, rows).map(shown);
}

function shown(row: z.infer<typeof TenantRow>): TenantRecord {
  return { tenant: row.tenant, createdAt: row.created_at };
}
