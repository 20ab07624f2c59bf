import { z } from 'zod';

/** The roles that a token can have. */
export const Role = z.enum(['viewer', 'publisher', 'approver', 'reporter', 'admin', 'follower']);
export type Role = z.infer<typeof Role>;

/** The name that the environment's token has in the record. */
const RESERVED = 'admin';

/** The name of a token's holder in the record: a person, a pipeline or a runtime. */
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
 * What an endpoint requires. `control` moves, holds and cancels what was published. `approve` decides a gate as a person, `report` as a
 * machine. `acknowledge` records what a runtime runs.
 */
export type Action = 'read' | 'publish' | 'control' | 'approve' | 'report' | 'acknowledge' | 'administer';

const ALLOWED: Readonly<Record<Role, readonly Action[]>> = {
  viewer: ['read'],
  follower: ['read', 'acknowledge'],
  // A publisher can't approve: otherwise one stolen CI token would pass every gate. For the same reason the author of a release can't
  // report its checks; `check_refuses` in services/postgres/functions/decisions.sql compares the names.
  publisher: ['read', 'publish', 'control', 'report'],
  approver: ['read', 'approve', 'report'],
  reporter: ['read', 'report'],
  admin: ['read', 'publish', 'control', 'approve', 'report', 'acknowledge', 'administer'],
};

/** Whether one of the roles allows the action. */
export function rolesAllow(roles: readonly Role[], action: Action): boolean {
  return roles.some((role) => ALLOWED[role].includes(action));
}

/** The roles that allow the action, for the text of a refusal. */
export function rolesThatMay(action: Action): Role[] {
  return Role.options.filter((role) => ALLOWED[role].includes(action));
}
