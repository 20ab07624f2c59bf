import { z } from 'zod';

/** What a token may be given. */
export const Role = z.enum(['viewer', 'publisher', 'approver', 'admin', 'follower']);
export type Role = z.infer<typeof Role>;

/**
 * What an endpoint lets somebody do. `steer` moves, holds and cancels what was published; `approve` is a person's word on a gate,
 * `report` a machine's.
 */
export type Action = 'read' | 'publish' | 'steer' | 'approve' | 'report' | 'administer';

const ALLOWED: Readonly<Record<Role, readonly Action[]>> = {
  viewer: ['read'],
  follower: ['read'],
  // Who publishes does not approve: otherwise one stolen CI token would pass every gate.
  publisher: ['read', 'publish', 'steer', 'report'],
  approver: ['read', 'approve', 'report'],
  admin: ['read', 'publish', 'steer', 'approve', 'report', 'administer'],
};

/** Whether one of those roles allows that. */
export function rolesAllow(roles: readonly Role[], action: Action): boolean {
  return roles.some((role) => ALLOWED[role].includes(action));
}
