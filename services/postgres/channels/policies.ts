import { z } from 'zod';

import { KeyReused } from '@pointsman/protocol/idempotency-key';
import { NO_POLICY, Policy } from '../../../core/policy.ts';
import { QuotaExceeded } from '@pointsman/protocol/quota';
import type { Database } from '../database.ts';
import { allRows, answerOf, at, Big, Iso, json } from '../rows.ts';

/** A version of a tenant's policy without its document. */
const VersionRow = z.object({ version: Big, message: z.string().nullable(), by: z.string(), at: Iso });
type PolicyVersion = z.infer<typeof VersionRow>;

const PutAnswer = z.discriminatedUnion('kind', [
  /** The document is stored. It has been the tenant's policy since this version. */
  z.object({ kind: z.literal('stands'), version: Big, replayed: z.boolean() }),
  z.object({ kind: z.literal('stale'), version: Big }),
  QuotaExceeded,
  KeyReused,
  z.object({ kind: z.literal('no_tenant') }),
]);
type PutAnswer = z.infer<typeof PutAnswer>;

export interface NewPolicy {
  readonly tenant: string;
  readonly document: Policy;
  readonly message: string | null;
  /**
   * The version that the new policy must replace. If the current version is another one, the result is `stale`. Null
   * replaces any version.
   */
  readonly ifVersion: number | null;
  readonly by: string;
  readonly idempotencyKey: string;
  readonly fingerprint: string;
  readonly requestId: string;
  readonly at: number;
}

/**
 * Stores the tenant's policy. A request with the same idempotency key is executed once. For details see `put_policy`
 * in functions/policies.sql.
 */
export async function putPolicy(db: Database, { at: epochMs, ...request }: NewPolicy): Promise<PutAnswer> {
  const values = [json({ ...request, none: NO_POLICY }), at(epochMs)];
  return answerOf(PutAnswer, await db.answer(request.tenant, 'put_policy($2::jsonb, $3)', values));
}

const DocumentRow = z.object({ version: Big, document: Policy });

/**
 * Returns a version of the policy, or the latest version if `version` is null. Returns null if the version does not
 * exist. Version 0 is the empty policy that every tenant has at first.
 */
export async function findPolicy(
  db: Database,
  tenant: string,
  version: number | null = null,
): Promise<{ version: number; document: Policy } | null> {
  if (version === 0) return { version, document: NO_POLICY };
  const sql = `SELECT version, document FROM policies WHERE tenant = $1 AND version = coalesce($2::bigint, policy_now($1))`;
  const [found] = allRows(DocumentRow, await db.call(tenant, sql, [tenant, version]));
  if (found) return found;
  return version === null ? { version: 0, document: NO_POLICY } : null;
}

/** Lists the versions of a tenant's policy, newest first. `before` is the last version of the previous page. */
export async function listPolicies(
  db: Database,
  tenant: string,
  { before = null, limit }: { before?: number | null; limit: number },
): Promise<PolicyVersion[]> {
  const sql = `SELECT version, message, by, at FROM policies
    WHERE tenant = $1 AND version < coalesce($2::bigint, 9223372036854775807) ORDER BY version DESC LIMIT $3`;
  return allRows(VersionRow, await db.call(tenant, sql, [tenant, before, limit]));
}
