import { z } from 'zod';

import { KeyReused } from '@pointsman/protocol/idempotency-key';
import type { Database, Query } from '../database.ts';
import { answerOf, at } from '../rows.ts';

export interface NewTenant {
  readonly tenant: string;
  readonly idempotencyKey: string;
  readonly fingerprint: string;
  readonly by: string;
  readonly at: number;
}

/**
 * Creates a tenant, and stores the idempotency key in the same transaction. A repeated request is therefore always
 * recognized if the tenant exists. The Restate object `Tenant` is not involved, because it exists only after the
 * first publish.
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
    return (await findEarlier(query, request)) ?? 'exists';
  });
}

/**
 * Stores the idempotency key of a request that another system (Restate) executes exactly once. If the same request is
 * repeated, the result is `known`, and the caller gets the response from the other system.
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
    const earlier = await findEarlier(query, { tenant, idempotencyKey, fingerprint });
    return earlier === 'replayed' ? 'known' : 'key_reused';
  });
}

/**
 * Returns whether the key was used before, by the same request (`replayed`) or by another one (`key_reused`). Returns
 * null if the key is new.
 */
async function findEarlier(
  query: Query,
  { tenant, idempotencyKey, fingerprint }: Pick<NewTenant, 'tenant' | 'idempotencyKey' | 'fingerprint'>,
): Promise<'replayed' | 'key_reused' | null> {
  const rows = await query('SELECT replay($1, $2, $3) AS answer', [tenant, idempotencyKey, fingerprint]);
  const answer = answerOf(z.object({ kind: z.string() }).nullable(), rows);
  if (answer === null) return null;
  return KeyReused.safeParse(answer).success ? 'key_reused' : 'replayed';
}
