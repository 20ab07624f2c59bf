import { hash, timingSafeEqual } from 'node:crypto';

import { type Action, type Role, rolesAllow, rolesThatMay } from '@pointsman/protocol/access';
import { PointsmanError } from '@pointsman/protocol/errors';

/** The authenticated caller. */
export interface Principal {
  /** The id of the token. */
  readonly id: string;
  /**
   * The caller's name in the database. Rules such as "someone other than the author" compare it. A tenant's token uses
   * its own name, a platform token uses `platform/<name>`, and the environment's token uses `admin`, so names of
   * different kinds never collide.
   */
  readonly name: string;
  /** The tenant that the token is limited to. Null allows all tenants. */
  readonly tenant: string | null;
  readonly roles: readonly Role[];
}

/** A token that exists and is not revoked. */
interface KnownToken {
  readonly id: string;
  readonly name: string;
  readonly tenant: string | null;
  readonly roles: readonly Role[];
}

/** The stored tokens against which a caller's token is compared. */
export interface KnownTokens {
  /** The hash of the environment's token, in lower-case hex. */
  readonly adminSha256: string;
  /** Finds the token with this SHA-256 (lower-case hex); null if it does not exist or is revoked. */
  find(sha256: string): Promise<KnownToken | null>;
}

/**
 * Authenticates an `Authorization` header. Throws `unauthenticated` for an unknown caller, and `unavailable` when the
 * database is down. The environment's token is checked without the database, so that an admin can always log in.
 *
 * Nothing is cached between requests: a revoked token is refused from the next request on.
 */
export async function authenticate(authorization: string | null, known: KnownTokens): Promise<Principal> {
  const token = /^Bearer +([\x21-\x7e]{1,1024})$/i.exec(authorization ?? '')?.[1];
  if (token === undefined) {
    throw new PointsmanError('unauthenticated', 'Send "Authorization: Bearer <token>".');
  }
  const digest = hash('sha256', token, 'buffer');
  // The lengths are equal and the comparison takes constant time: the duration of a refusal must not reveal how much of
  // the hash matched.
  if (timingSafeEqual(digest, Buffer.from(known.adminSha256, 'hex'))) return ENVIRONMENTS;
  // An index lookup does not take constant time. That is safe here: it compares hashes, and a caller cannot choose a
  // token by its hash.
  const found = await known.find(digest.toString('hex'));
  if (found === null) throw new PointsmanError('unauthenticated', 'The token is unknown or revoked.');
  const { id, name, tenant, roles } = found;
  return { id, name: tenant === null ? `platform/${name}` : name, tenant, roles };
}

/** Returns the authenticated caller. Throws if the endpoint does not require a token. */
export function callerOf({ principal }: { readonly principal: Principal | null }): Principal {
  if (principal === null) throw new Error('this endpoint does not require a token');
  return principal;
}

const ENVIRONMENTS: Principal = { id: 'bootstrap', name: 'admin', tenant: null, roles: ['admin'] };

/**
 * Throws `forbidden` unless the principal may perform the action on the tenant. A null tenant means that the action
 * does not concern a single tenant. Call it before any lookup, so that the response is the same whether or not the
 * resource exists in another tenant.
 */
export function authorise(principal: Principal, action: Action, tenant: string | null): void {
  const isElsewhere = principal.tenant !== null && principal.tenant !== tenant;
  if (!isElsewhere && rolesAllow(principal.roles, action)) return;
  // The error reveals nothing about another tenant, not even the required role.
  if (isElsewhere) throw new PointsmanError('forbidden', 'The token has no role that allows this.');
  const needed = new Intl.ListFormat('en', { type: 'disjunction' }).format(rolesThatMay(action));
  const own = principal.roles.join(', ');
  throw new PointsmanError(
    'forbidden',
    `The token has no role that allows this: ${needed} is required, and the token has ${own}.`,
  );
}
