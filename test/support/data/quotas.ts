import { randomUUID } from 'node:crypto';

import { digestOf } from '../../../packages/protocol/digest.ts';
import type { QuotaChanges } from '../../../packages/protocol/quota.ts';
import type { Database } from '../../../services/postgres/database.ts';
import { setQuotas } from '../../../services/postgres/tenants/quotas.ts';

/** Sets the quotas of a tenant as an operator does. Each call is a separate request. */
export async function limitTenant(
  db: Database,
  tenant: string,
  quotas: QuotaChanges,
  over: { idempotencyKey?: string; fingerprint?: string } = {},
) {
  return setQuotas(db, {
    tenant,
    quotas,
    by: 'admin',
    idempotencyKey: randomUUID(),
    fingerprint: digestOf(JSON.stringify(quotas)),
    requestId: 'request',
    at: Date.now(),
    ...over,
  });
}
