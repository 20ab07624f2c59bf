import { z } from 'zod';

import { Role } from '@pointsman/protocol/access';
import { KeyReused } from '@pointsman/protocol/idempotency-key';
import { QuotaExceeded } from '@pointsman/protocol/quota';
import type { Database } from '../database.ts';
import { allRows, answerOf, at, json } from '../rows.ts';

/** An active token, as authentication needs it. */
export const Bearer = z.object({
  id: z.string(),
  name: z.string(),
  /** The tenant of the token. It is null for a platform token, which is valid for all tenants. */
  tenant: z.string().nullable(),
  roles: z.array(Role),
});

/** A token as it is listed. It contains neither the token itself nor its hash. */
const TokenRecord = Bearer.extend({
  createdBy: z.string(),
  createdAt: z.string(),
  revokedBy: z.string().nullable(),
  revokedAt: z.string().nullable(),
});
export type TokenRecord = z.infer<typeof TokenRecord>;

const ListedToken = z.object({ token: TokenRecord });

const CreateAnswer = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('made'), token: TokenRecord }),
  /** An earlier request with the same idempotency key has created the token. */
  z.object({ kind: z.literal('made_before'), id: z.string() }),
  KeyReused,
  /** An active token with this name exists. */
  z.object({ kind: z.literal('name_taken'), id: z.string() }),
  QuotaExceeded,
  z.object({ kind: z.literal('no_tenant') }),
]);
export type CreateAnswer = z.infer<typeof CreateAnswer>;

export interface NewToken {
  readonly id: string;
  readonly name: string;
  readonly tenant: string | null;
  readonly roles: readonly Role[];
  readonly sha256: string;
  readonly by: string;
  readonly idempotencyKey: string;
  readonly fingerprint: string;
  readonly requestId: string;
  readonly at: number;
}

/**
 * Finds the token with this SHA-256 hash (64 hex digits). Returns null if the token was never issued, or was revoked.
 */
export async function findToken(db: Database, sha256: string): Promise<z.infer<typeof Bearer> | null> {
  const rows = await db.platform('SELECT id, name, tenant, roles FROM find_token($1)', [sha256]);
  return allRows(Bearer, rows)[0] ?? null;
}

/**
 * Creates a token. A request with the same idempotency key is executed once. The checks and their order are
 * documented at `create_token` in functions/tokens.sql.
 */
export async function createToken(
  db: Database,
  { tenant, at: epochMs, ...token }: NewToken,
): Promise<CreateAnswer> {
  const values = [json(token), at(epochMs)];
  return answerOf(
    CreateAnswer,
    await db.answer(tenant ?? PLATFORM, `create_token(nullif($1, ''), $2::jsonb, $3)`, values),
  );
}

/** Finds a token by its ID, even if it is revoked. Returns null if it does not exist. */
export async function findTokenById(db: Database, id: string): Promise<TokenRecord | null> {
  return answerOf(TokenRecord.nullable(), await db.platform('SELECT get_token($1) AS answer', [id]));
}

export interface TokenPage {
  /** The tenant whose tokens are listed. Null lists the tokens of all tenants and the platform tokens. */
  readonly tenant: string | null;
  readonly state: 'active' | 'revoked' | 'all';
  /** The last token of the previous page. */
  readonly after?: Pick<TokenRecord, 'createdAt' | 'id'>;
  readonly limit: number;
}

/** Lists tokens, newest first. */
export async function listTokens(
  db: Database,
  { tenant, state, after, limit }: TokenPage,
): Promise<TokenRecord[]> {
  const values = [
    tenant,
    state !== 'revoked',
    state !== 'active',
    after?.createdAt ?? 'infinity',
    after?.id ?? '',
    limit,
  ];
  const rows = await db.platform('SELECT token FROM list_tokens($1, $2, $3, $4, $5, $6)', values);
  return allRows(ListedToken, rows).map(({ token }) => token);
}

/**
 * Revokes a token. A token that is already revoked is not changed.
 * @returns false if the token was already revoked
 */
export async function revokeToken(
  db: Database,
  { id, tenant }: Pick<TokenRecord, 'id' | 'tenant'>,
  { by, requestId, at: epochMs }: { readonly by: string; readonly requestId: string; readonly at: number },
): Promise<boolean> {
  const values = [id, by, requestId, at(epochMs)];
  const rows = await db.answer(tenant ?? PLATFORM, `revoke_token(nullif($1, ''), $2, $3, $4, $5)`, values);
  return answerOf(z.boolean(), rows);
}

/** The tenant that a transaction uses for platform tokens. An empty string is not a valid tenant name. */
const PLATFORM = '';
