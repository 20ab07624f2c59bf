import { hash, timingSafeEqual } from 'node:crypto';

import { type Action, type Role, rolesAllow, rolesThatMay } from '@pointsman/protocol/access';
import { PointsmanError } from '@pointsman/protocol/errors';

/** The authenticated caller. */
export interface Principal {
  /** The ID of the caller's token. */
  readonly id: string;
  /**
   * The caller's name in the database. Rules such as "someone other than the author must approve" compare these names. The name is the
   * token's own name for a tenant's token, `platform/<name>` for a platform token, and `admin` for the admin token from the process
   * environment. Tokens of different kinds therefore never have the same name.
   */
  readonly name: string;
  /** The only tenant that the token may access. Null if the token may access all tenants. */
  readonly tenant: string | null;
  readonly roles: readonly Role[];
}

/** A stored token that has not been revoked. */
interface KnownToken {
  readonly id: string;
  readonly name: string;
  readonly tenant: string | null;
  readonly roles: readonly Role[];
}

/**
 * Finds the stored token with this SHA-256 (lower-case hex). Returns null if the token does not exist or is revoked.
 */
export type FindToken = (sha256: string) => Promise<KnownToken | null>;

/** The tokens that authentication accepts. */
export interface KnownTokens {
  /** The SHA-256 of the admin token from the process environment, in lower-case hex. */
  readonly adminSha256: string;
  readonly find: FindToken;
}

/**
 * Authenticates the caller by the `Authorization` header. Throws `unauthenticated` for an unknown token, and `unavailable` if the database
 * is down. The admin token from the process environment is checked without the database, so it works even while the database is down.
 * Results are not cached: a revoked token is refused from the next request on.
 */
export async function authenticate(authorization: string | null, known: KnownTokens): Promise<Principal> {
  const token = /^Bearer +([\x21-\x7e]{1,1024})$/i.exec(authorization ?? '')?.[1];
  if (token === undefined) {
    throw new PointsmanError('unauthenticated', 'Send "Authorization: Bearer <token>".');
  }
  const digest = hash('sha256', token, 'buffer');
  // Compare in constant time. Otherwise the duration of a refusal would reveal how much of the hash matched. Both hashes have the same
  // length, as timingSafeEqual requires.
  if (timingSafeEqual(digest, Buffer.from(known.adminSha256, 'hex'))) return ENVIRONMENTS;
  // The time of this lookup depends on the stored hashes. Callers cannot use that in a timing attack, because they cannot construct a token
  // that has a chosen hash.
  const found = await known.find(digest.toString('hex'));
  if (found === null) throw new PointsmanError('unauthenticated', 'The token is unknown or revoked.');
  const { id, name, tenant, roles } = found;
  return { id, name: tenant === null ? `platform/${name}` : name, tenant, roles };
}

/** Returns the authenticated caller of a request. Throws if the endpoint does not require authentication. */
export function callerOf({ principal }: { readonly principal: Principal | null }): Principal {
  if (principal === null) throw new Error('this endpoint does not require a token');
  return principal;
}

const ENVIRONMENTS: Principal = { id: 'bootstrap', name: 'admin', tenant: null, roles: ['admin'] };

/**
 * Throws `forbidden` unless the caller may perform the action on the tenant. The tenant is null for an action that does not concern a
 * single tenant. Call this before any lookup. A refusal then does not reveal whether the resource exists in another tenant.
 */
export function authorise(principal: Principal, action: Action, tenant: string | null): void {
  const isElsewhere = principal.tenant !== null && principal.tenant !== tenant;
  if (!isElsewhere && rolesAllow(principal.roles, action)) return;
  // The error must not reveal anything about another tenant, not even the required role.
  if (isElsewhere) throw new PointsmanError('forbidden', 'The token has no role that allows this.');
  const needed = new Intl.ListFormat('en', { type: 'disjunction' }).format(rolesThatMay(action));
  const own = principal.roles.join(', ');
  throw new PointsmanError(
    'forbidden',
    `The token has no role that allows this: ${needed} is required, and the token has ${own}.`,
  );
}
