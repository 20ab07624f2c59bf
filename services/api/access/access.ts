import { hash, timingSafeEqual } from 'node:crypto';

import { type Action, type Role, rolesAllow, rolesThatMay } from '../../../core/access.ts';
import { PointsmanError } from '../../../core/errors.ts';

/** Who asks. */
export interface Principal {
  /** Of the token. */
  readonly id: string;
  /**
   * Who stands in the record for what is done, and whom rules like "not the author" compare: a tenant's token by its own name, one of the
   * platform as `platform/<name>`, the environment's as `admin`. No token can be called like one of another kind.
   */
  readonly name: string;
  /** Null means all of them. */
  readonly tenant: string | null;
  readonly roles: readonly Role[];
}

/** A token that was made and not revoked. */
interface KnownToken {
  readonly id: string;
  readonly name: string;
  readonly tenant: string | null;
  readonly roles: readonly Role[];
}

/** What tokens are held against. */
export interface KnownTokens {
  /** Of the environment's token, in lower-case hex. */
  readonly adminSha256: string;
  /** The token of that SHA-256, in lower-case hex; null for one that was never made or is revoked. */
  find(sha256: string): Promise<KnownToken | null>;
}

/**
 * Who sent this `Authorization` header. Throws `unauthenticated` for anybody whom we don't know, and `unavailable` when the store can't
 * be asked; the environment's token needs no store, so that an admin gets in when nothing else works.
 *
 * Nothing is remembered between requests: what is revoked is refused at the next one.
 */
export async function authenticate(authorization: string | null, known: KnownTokens): Promise<Principal> {
  const token = /^Bearer +([\x21-\x7e]{1,1024})$/i.exec(authorization ?? '')?.[1];
  if (token === undefined) {
    throw new PointsmanError('unauthenticated', 'Send "Authorization: Bearer <token>".');
  }
  const digest = hash('sha256', token, 'buffer');
  // Equal lengths and equal time: how long a refusal takes must not say how much of the hash was right.
  if (timingSafeEqual(digest, Buffer.from(known.adminSha256, 'hex'))) return ENVIRONMENTS;
  // An index is no such comparison, but what it compares is the hash, and nobody can choose a token by its hash.
  const found = await known.find(digest.toString('hex'));
  if (found === null) throw new PointsmanError('unauthenticated', 'This token is not known here.');
  const { id, name, tenant, roles } = found;
  return { id, name: tenant === null ? `platform/${name}` : name, tenant, roles };
}

/** Who asks, of an endpoint that lets nobody in without a token. */
export function callerOf({ principal }: { readonly principal: Principal | null }): Principal {
  if (principal === null) throw new Error('this endpoint is open to all');
  return principal;
}

const ENVIRONMENTS: Principal = { id: 'bootstrap', name: 'admin', tenant: null, roles: ['admin'] };

/**
 * Throws `forbidden` unless that principal may do that, to that tenant (null for what belongs to none). Asked before anything is
 * looked up, so that what exists elsewhere and what doesn't get the same answer.
 */
export function authorise(principal: Principal, action: Action, tenant: string | null): void {
  const isElsewhere = principal.tenant !== null && principal.tenant !== tenant;
  if (!isElsewhere && rolesAllow(principal.roles, action)) return;
  // Of another tenant nothing is told, not even what it would take.
  if (isElsewhere) throw new PointsmanError('forbidden', 'This token has no role that allows that here.');
  const needed = new Intl.ListFormat('en', { type: 'disjunction' }).format(rolesThatMay(action));
  const own = principal.roles.join(', ');
  throw new PointsmanError(
    'forbidden',
    `This token has no role that allows that here: it takes ${needed}, and this one is ${own}.`,
  );
}
