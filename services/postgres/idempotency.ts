import { z } from 'zod';

import type { Database } from './database.ts';
import { allRows, at } from './rows.ts';

export interface NewTenant {
  readonly tenant: string;
  readonly idempotencyKey: string;
  readonly fingerprint: string;
  readonly by: string;
  readonly at: number;
}

/**
 * Makes a tenant and remembers the key in one transaction, so that a repetition is known whenever the tenant is. Nothing here goes
 * through the tenant's object, which begins with its first publish.
 */
export async function createTenantOnce(
  db: Database,
  request: NewTenant,
): Promise<'created' | 'replayed' | 'exists' | 'key_reused'> {
  const { tenant, idempotencyKey, fingerprint, by, at: epochMs } = request;
  return db.tenant(tenant, async (query) => {
    const created = await query(
      'INSERT INTO tenants (tenant, created_by, created_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING RETURNING tenant',
      [tenant, by, at(epochMs)],
    );
    if (created.length > 0) {
      await query(
        `INSERT INTO idempotency_keys (tenant, key, fingerprint, answer, created_at) VALUES ($1, $2, $3, '{"kind": "created"}', $4)`,
        [tenant, idempotencyKey, fingerprint, at(epochMs)],
      );
      return 'created';
    }
    const known = await query('SELECT fingerprint FROM idempotency_keys WHERE tenant = $1 AND key = $2', [
      tenant,
      idempotencyKey,
    ]);
    const [earlier] = allRows(z.object({ fingerprint: z.string() }), known);
    if (!earlier) return 'exists';
    return earlier.fingerprint === fingerprint ? 'replayed' : 'key_reused';
  });
}

/**
 * Remembers what was asked under a key, for what is done once elsewhere: whoever asks the same under it finds it `known`, and is to be answered
 * from there.
 */
export async function claimKey(
  db: Database,
  {
    tenant,
    idempotencyKey,
    fingerprint,
    at: epochMs,
  }: Pick<NewTenant, 'tenant' | 'idempotencyKey' | 'fingerprint' | 'at'>,
): Promise<'claimed' | 'known' | 'key_reused'> {
  return db.tenant(tenant, async (query) => {
    const claimed = await query(
      `INSERT INTO idempotency_keys (tenant, key, fingerprint, answer, created_at) VALUES ($1, $2, $3, '{"kind": "elsewhere"}', $4)
       ON CONFLICT DO NOTHING RETURNING key`,
      [tenant, idempotencyKey, fingerprint, at(epochMs)],
    );
    if (claimed.length > 0) return 'claimed';
    const known = await query('SELECT fingerprint FROM idempotency_keys WHERE tenant = $1 AND key = $2', [
      tenant,
      idempotencyKey,
    ]);
    const [earlier] = allRows(z.object({ fingerprint: z.string() }), known);
    return earlier?.fingerprint === fingerprint ? 'known' : 'key_reused';
  });
}
