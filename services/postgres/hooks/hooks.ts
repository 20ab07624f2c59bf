import { z } from 'zod';

import { HookProvider } from '@pointsman/protocol/hook';
import { KeyReused } from '@pointsman/protocol/idempotency-key';
import { QuotaExceeded } from '@pointsman/protocol/quota';
import type { Database } from '../database.ts';
import { allRows, answerOf, at, Iso, json } from '../rows.ts';

const Row = z.object({
  hook: z.string(),
  provider: HookProvider,
  repository: z.string(),
  ref: z.string(),
  path: z.string().nullable(),
  bundle: z.string(),
  channel: z.string(),
  createChannel: z.boolean(),
  apiUrl: z.string().nullable(),
  /** The shared secret, encrypted. `token` is also encrypted. */
  secret: z.string(),
  token: z.string().nullable(),
  createdBy: z.string(),
  createdAt: Iso,
  updatedBy: z.string(),
  updatedAt: Iso,
});

/** A hook as it is stored. Its secret and its token are encrypted. */
export type HookRecord = z.infer<typeof Row>;

const COLUMNS = `hook, provider, repository, ref, path, bundle, channel, create_channel AS "createChannel", api_url AS "apiUrl", secret, token,
  created_by AS "createdBy", created_at AS "createdAt", updated_by AS "updatedBy", updated_at AS "updatedAt"`;

export async function findHook(db: Database, tenant: string, hook: string): Promise<HookRecord | null> {
  const sql = `SELECT ${COLUMNS} FROM hooks WHERE tenant = $1 AND hook = $2`;
  return allRows(Row, await db.call(tenant, sql, [tenant, hook]))[0] ?? null;
}

/** Lists the hooks of a tenant by name. `after` is the last name of the previous page. */
export async function listHooks(
  db: Database,
  tenant: string,
  { after = '', limit }: { after?: string; limit: number },
): Promise<HookRecord[]> {
  const sql = `SELECT ${COLUMNS} FROM hooks WHERE tenant = $1 AND hook > $2 ORDER BY hook LIMIT $3`;
  return allRows(Row, await db.call(tenant, sql, [tenant, after, limit]));
}

export interface PutHook extends Pick<
  HookRecord,
  'hook' | 'provider' | 'repository' | 'ref' | 'path' | 'bundle' | 'channel' | 'createChannel' | 'apiUrl'
> {
  readonly tenant: string;
  /**
   * The new shared secret, encrypted. Null keeps the current secret. In the same way, a null `token` keeps the
   * current token.
   */
  readonly secret: string | null;
  readonly token: string | null;
  /** Whether the current token is deleted. If it is false and `token` is null, the current token is kept. */
  readonly dropToken: boolean;
  readonly by: string;
  readonly idempotencyKey: string;
  readonly fingerprint: string;
  readonly requestId: string;
  readonly at: number;
}

const PutAnswer = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('saved'), created: z.boolean(), replayed: z.boolean() }),
  z.object({ kind: z.literal('no_tenant') }),
  KeyReused,
  /**
   * The channel of the hook does not exist, and the hook may not create it. `channels` contains the existing channels
   * of the bundle.
   */
  z.object({ kind: z.literal('no_channel'), channels: z.array(z.string()) }),
  QuotaExceeded,
  /** The request contains no secret, and none is stored. */
  z.object({ kind: z.literal('secret_needed') }),
  /**
   * The hook now has another provider or API URL. The request must contain a token, because the stored token must not
   * be sent there.
   */
  z.object({ kind: z.literal('token_needed') }),
]);

export async function putHook(
  db: Database,
  { tenant, at: epochMs, ...request }: PutHook,
): Promise<z.infer<typeof PutAnswer>> {
  const rows = await db.answer(tenant, 'put_hook($1, $2::jsonb, $3)', [json(request), at(epochMs)]);
  return answerOf(PutAnswer, rows);
}

/** Deletes a hook. @returns false if the hook does not exist */
export async function deleteHook(
  db: Database,
  tenant: string,
  hook: string,
  { by, requestId, at: epochMs }: { by: string; requestId: string; at: number },
): Promise<boolean> {
  const rows = await db.answer(tenant, 'delete_hook($1, $2, $3, $4, $5)', [hook, by, requestId, at(epochMs)]);
  return answerOf(z.boolean(), rows);
}
