import { z } from 'zod';

/** The roles that a token can have. */
export const Role = z.enum(['viewer', 'publisher', 'approver', 'reporter', 'admin', 'follower']);
export type Role = z.infer<typeof Role>;

/** The name under which the database records actions with the admin token from the environment. */
const RESERVED = 'admin';

/** The name of a token's holder, as recorded in the database: a person, a pipeline or a runtime. */
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

/** The prefix of every token. Secret scanners recognise a leaked token by it. */
export const TOKEN_PREFIX = 'pmn_';

/** Identifies a token without granting anything. */
export const TokenId = z.uuid("a token's id is a UUID: do not send the token itself");

/**
 * The permission that an endpoint requires. `control`: move or hold pointers, and cancel releases. `approve`:
 * decide a gate as a person. `report`: decide a gate as a machine. `acknowledge`: report which release a
 * runtime runs.
 */
export type Action = 'read' | 'publish' | 'control' | 'approve' | 'report' | 'acknowledge' | 'administer';

const ALLOWED: Readonly<Record<Role, readonly Action[]>> = {
  viewer: ['read'],
  follower: ['read', 'acknowledge'],
  // A publisher can't approve, because a stolen CI token could then pass every gate. For the same reason, the
  // author of a release can't report its checks. The SQL function `check_refuses` in
  // services/postgres/functions/decisions.sql enforces this.
  publisher: ['read', 'publish', 'control', 'report'],
  approver: ['read', 'approve', 'report'],
  reporter: ['read', 'report'],
  admin: ['read', 'publish', 'control', 'approve', 'report', 'acknowledge', 'administer'],
};

/** Returns whether one of the roles allows the action. */
export function rolesAllow(roles: readonly Role[], action: Action): boolean {
  return roles.some((role) => ALLOWED[role].includes(action));
}

/** Returns the roles that allow the action, for an error message. */
export function rolesThatMay(action: Action): Role[] {
  return Role.options.filter((role) => ALLOWED[role].includes(action));
}
