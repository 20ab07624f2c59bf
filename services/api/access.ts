import { createHash, timingSafeEqual } from 'node:crypto';

import { PointsmanError } from '../../core/errors.ts';

/** What a token may be given. */
export type Role = 'viewer' | 'publisher' | 'approver' | 'follower' | 'admin';

/** Who asks. `tenant` null means all of them. */
export interface Principal {
  readonly name: string;
  readonly tenant: string | null;
  readonly roles: readonly Role[];
}

/** What an endpoint lets somebody do. */
export type Action = 'read' | 'publish' | 'steer' | 'administer';

const allowed: Readonly<Record<Role, readonly Action[]>> = {
  viewer: ['read'],
  follower: ['read'],
  approver: ['read'],
  publisher: ['read', 'publish', 'steer'],
  admin: ['read', 'publish', 'steer', 'administer'],
};

/** Who sent this `Authorization` header. Throws `unauthenticated` for anybody whom we don't know. */
export function authenticate(authorization: string | null, adminTokenSha256: string): Principal {
  const token = /^Bearer +([\x21-\x7e]{1,1024})$/i.exec(authorization ?? '')?.[1];
  if (token === undefined) {
    throw new PointsmanError('unauthenticated', 'Send "Authorization: Bearer <token>".');
  }
  const digest = createHash('sha256').update(token).digest();
  // Equal lengths and equal time: how long a refusal takes must not say how much of the hash was right.
  if (!timingSafeEqual(digest, Buffer.from(adminTokenSha256, 'hex'))) {
    throw new PointsmanError('unauthenticated', 'This token is not known here.');
  }
  return { name: 'admin', tenant: null, roles: ['admin'] };
}

/**
 * Throws `forbidden` unless that principal may do that, to that tenant (null for what belongs to none). Asked before anything is
 * looked up, so that what exists elsewhere and what doesn't get the same answer.
 */
export function authorise(principal: Principal, action: Action, tenant: string | null): void {
  const isElsewhere = principal.tenant !== null && principal.tenant !== tenant;
  if (!isElsewhere && principal.roles.some((role) => allowed[role].includes(action))) return;
  throw new PointsmanError('forbidden', 'This token has no role that allows that here.');
}
