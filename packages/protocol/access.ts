import { z } from 'zod';

/** The roles that a token can have. */
export const Role = z.enum(['viewer', 'publisher', 'approver', 'reporter', 'admin', 'follower']);
export type Role = z.infer<typeof Role>;

/** The name that the database records as the author of actions with the admin token from the environment. */
const RESERVED = 'admin';

/**
 * The name of the person, pipeline or runtime that holds a token. The database records it as the author of
 * the token's actions.
 */
export const TokenName = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9._@-]{0,62}$/,
    'a token\'s name is one to 63 characters of a-z, A-Z, 0-9, ".", "_", "@" and "-", beginning with a letter or digit',
  )
  .refine(
    (name) => name.toLowerCase() !== RESERVED,
    `"${RESERVED}" is reserved for the token of the environment`,
  );

/** The prefix of every token. It lets secret scanners recognize a leaked token. */
export const TOKEN_PREFIX = 'pmn_';

/** The ID of a token. It identifies the token but grants no access. */
export const TokenId = z.uuid("a token's id is a UUID: do not send the token itself");

/**
 * The kind of action that a token may be allowed to do. Each endpoint requires one of them. `control`: move
 * pointers, put them on hold, and cancel releases. `approve`: decide a gate as a person. `report`: report the
 * result of a check. `acknowledge`: report which release a runtime uses.
 */
export type Action = 'read' | 'publish' | 'control' | 'approve' | 'report' | 'acknowledge' | 'administer';

const ALLOWED: Readonly<Record<Role, readonly Action[]>> = {
  viewer: ['read'],
  follower: ['read', 'acknowledge'],
  // A publisher may not approve, because a stolen CI token could then pass every gate. For the same reason,
  // the author of a release may not report the results of its checks. The SQL function `check_refuses` in
  // services/postgres/functions/decisions.sql enforces the latter.
  publisher: ['read', 'publish', 'control', 'report'],
  approver: ['read', 'approve', 'report'],
  reporter: ['read', 'report'],
  admin: ['read', 'publish', 'control', 'approve', 'report', 'acknowledge', 'administer'],
};

/** Returns whether at least one of the roles allows the action. */
export function rolesAllow(roles: readonly Role[], action: Action): boolean {
  return roles.some((role) => ALLOWED[role].includes(action));
}

/** Returns the roles that allow the action. An error message lists them. */
export function rolesThatMay(action: Action): Role[] {
  return Role.options.filter((role) => ALLOWED[role].includes(action));
}
