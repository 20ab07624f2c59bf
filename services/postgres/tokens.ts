import { z } from 'zod';

import { Role } from '../../core/access.ts';
import type { Database } from './database.ts';
import { allRows } from './rows.ts';

const Row = z.object({
  id: z.string(),
  name: z.string(),
  /** Null: of the platform, for every tenant. */
  tenant: z.string().nullable(),
  roles: z.array(Role),
});

export type TokenRecord = z.infer<typeof Row>;

/** Who carries the token of that SHA-256 (64 hex digits); null for one that was never given out or has been revoked. */
export async function findToken(db: Database, sha256: string): Promise<TokenRecord | null> {
  return (
    allRows(Row, await db.platform('SELECT id, name, tenant, roles FROM find_token($1)', [sha256]))[0] ?? null
  );
}

/** Makes the token of that SHA-256 the platform's administrator, in place of the one that was so before. */
export async function ensureBootstrapToken(db: Database, sha256: string): Promise<void> {
  await db.platform('SELECT ensure_bootstrap_token($1)', [sha256]);
}
