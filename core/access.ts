import { z } from 'zod';

/** What a token may be given. */
export const Role = z.enum(['viewer', 'publisher', 'approver', 'reporter', 'admin', 'follower']);
export type Role = z.infer<typeof Role>;

/** Whoever holds the token of the environment stands in the record by this name. */
const RESERVED = 'admin';

/** Who speaks by a token, as the record shows it: a person, a pipeline, a runtime. */
export const TokenName = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9._@-]{0,62}$/,
    'a token\'s name is one to 63 characters of a-z, A-Z, 0-9, ".", "_", "@" and "-", beginning with a letter or digit',
  )
  .refine((name) => name.toLowerCase() !== RESERVED, `"${RESERVED}" is the environment's own token`);

/** What every token begins with, so that a leaked one is recognised for what it is. */
export const TOKEN_PREFIX = 'pmn_';

/** Names a token without being one. */
export const TokenId = z.uuid("a token's id is a UUID, and not the token itself");

/**
 * What an endpoint lets somebody do. `steer` moves, holds and cancels what was published; `approve` is a person's word on a gate,
 * `report` a machine's, `acknowledge` a runtime's on what it runs.
 */
export type Action = 'read' | 'publish' | 'steer' | 'approve' | 'report' | 'acknowledge' | 'administer';

const ALLOWED: Readonly<Record<Role, readonly Action[]>> = {
  viewer: ['read'],
  follower: ['read', 'acknowledge'],
  // A publisher can't approve: otherwise one stolen CI token would pass every gate. For the same reason the author of a release can't
  // report its checks; `check_refuses` in services/postgres/functions/decisions.sql compares the names.
  publisher: ['read', 'publish', 'steer', 'report'],
  approver: ['read', 'approve', 'report'],
  reporter: ['read', 'report'],
  admin: ['read', 'publish', 'steer', 'approve', 'report', 'acknowledge', 'administer'],
};

/** Whether one of those roles allows that. */
export function rolesAllow(roles: readonly Role[], action: Action): boolean {
  return roles.some((role) => ALLOWED[role].includes(action));
}

/** Who may do that, for those who may not. */
export function rolesThatMay(action: Action): Role[] {
  return Role.options.filter((role) => ALLOWED[role].includes(action));
}
