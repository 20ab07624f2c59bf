import { z } from 'zod';

import type { Database } from '../database.ts';
import { allRows, Iso } from '../rows.ts';

const Row = z.object({ bundle: z.string(), created_at: Iso });

export interface BundleRecord {
  readonly bundle: string;
  readonly createdAt: string;
}

/** Lists the bundles of a tenant by name. `after` is the last name of the previous page. */
export async function listBundles(
  db: Database,
  tenant: string,
  { after = '', limit }: { after?: string; limit: number },
): Promise<BundleRecord[]> {
  const sql =
    'SELECT bundle, created_at FROM bundles WHERE tenant = $1 AND bundle > $2 ORDER BY bundle LIMIT $3';
  return allRows(Row, await db.call(tenant, sql, [tenant, after, limit])).map((row) => ({
    bundle: row.bundle,
    createdAt: row.created_at,
  }));
}

export async function bundleExists(db: Database, tenant: string, bundle: string): Promise<boolean> {
  const rows = await db.call(tenant, 'SELECT FROM bundles WHERE tenant = $1 AND bundle = $2', [
    tenant,
    bundle,
  ]);
  return rows.length > 0;
}
