import { z } from 'zod';

import { KeyReused } from '@pointsman/protocol/idempotency-key';
import { Quota, type QuotaChanges } from '@pointsman/protocol/quota';
import type { Database } from '../database.ts';
import { answerOf, at, json } from '../rows.ts';

/**
 * Reads all quotas of a tenant and their usage, in the order of `QuotaName`. Returns null if the tenant does not
 * exist.
 */
export async function readQuotas(db: Database, tenant: string): Promise<Quota[] | null> {
  return answerOf(z.array(Quota).nullable(), await db.answer(tenant, 'read_quotas($1)', []));
}

export interface SetQuotas {
  readonly tenant: string;
  readonly quotas: QuotaChanges;
  readonly by: string;
  readonly idempotencyKey: string;
  readonly fingerprint: string;
  readonly requestId: string;
  readonly at: number;
}

const SetAnswer = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('set'), replayed: z.boolean() }),
  z.object({ kind: z.literal('no_tenant') }),
  KeyReused,
]);

/**
 * Changes quotas. A request with the same idempotency key is executed once. For details see `set_quotas` in
 * functions/quotas.sql.
 */
export async function setQuotas(
  db: Database,
  { tenant, at: epochMs, ...request }: SetQuotas,
): Promise<z.infer<typeof SetAnswer>> {
  const rows = await db.answer(tenant, 'set_quotas($1, $2::jsonb, $3)', [json(request), at(epochMs)]);
  return answerOf(SetAnswer, rows);
}
