import { expect, test } from 'vitest';

import { type Action, Role } from '../../../../packages/protocol/access.ts';
import { PointsmanError } from '../../../../packages/protocol/errors.ts';
import {
  authenticate,
  authorise,
  type KnownTokens,
  type Principal,
} from '../../../../services/api/access/access.ts';
import { hashToken } from '../../../../services/config/settings.ts';

const ADMINS = 'the-right-token-0123';
const made = new Map([
  [hashToken('of-acme'), { id: '1', name: 'ci', tenant: 'acme', roles: ['publisher' as const] }],
  [hashToken('of-nobody'), { id: '2', name: 'ops', tenant: null, roles: ['viewer' as const] }],
]);
const known: KnownTokens = {
  adminSha256: hashToken(ADMINS),
  find: async (sha256) => made.get(sha256) ?? null,
};

async function codeOf(act: () => unknown): Promise<string> {
  try {
    await act();
    return 'allowed';
  } catch (error) {
    return error instanceof PointsmanError ? error.code : 'broke';
  }
}

test('the admin token from the environment has the platform’s admin role, even when the store is unavailable', async () => {
  const noStore: KnownTokens = {
    ...known,
    find: async () => {
      throw new PointsmanError('unavailable', 'the database does not answer');
    },
  };
  expect(await authenticate(`Bearer ${ADMINS}`, noStore)).toEqual({
    id: 'bootstrap',
    name: 'admin',
    tenant: null,
    roles: ['admin'],
  });
  expect(await codeOf(() => authenticate(`bearer ${ADMINS}`, noStore))).toBe('allowed');
  expect(await codeOf(() => authenticate('Bearer of-acme', noStore))).toBe('unavailable');
});

test('a token of a tenant acts under its own name, and a platform token under a name that no tenant can give', async () => {
  expect(await authenticate('Bearer of-acme', known)).toMatchObject({ id: '1', name: 'ci', tenant: 'acme' });
  expect(await authenticate('Bearer of-nobody', known)).toMatchObject({ name: 'platform/ops', tenant: null });
});

test.each([
  null,
  '',
  ADMINS,
  'Basic dTpw',
  'Bearer',
  'Bearer wrong',
  `Bearer ${hashToken(ADMINS)}`,
  `Bearer ${hashToken('of-acme')}`,
  `Bearer ${ADMINS} x`,
  `Bearer ${'x'.repeat(2_000)}`,
])('a request with the Authorization header "%s" is unauthenticated', async (header) => {
  expect(await codeOf(() => authenticate(header, known))).toBe('unauthenticated');
});

const actions: readonly Action[] = [
  'read',
  'publish',
  'control',
  'approve',
  'report',
  'acknowledge',
  'administer',
];
const table: Record<Role, string> = {
  viewer: 'read',
  follower: 'read acknowledge',
  publisher: 'read publish control report',
  approver: 'read approve report',
  reporter: 'read report',
  admin: 'read publish control approve report acknowledge administer',
};

test.each(Role.options)(
  'a token with only the role %s has exactly the permissions of that role',
  async (role) => {
    const principal: Principal = { id: '1', name: 'x', tenant: 'acme', roles: [role] };
    const may = [];
    for (const action of actions)
      if ((await codeOf(() => authorise(principal, action, 'acme'))) === 'allowed') may.push(action);
    expect(may.join(' ')).toBe(table[role]);
  },
);

test('a token has the permissions of all its roles, and a token without a role has no permission', async () => {
  const both: Principal = { id: '1', name: 'x', tenant: 'acme', roles: ['viewer', 'approver'] };
  expect(await codeOf(() => authorise(both, 'approve', 'acme'))).toBe('allowed');
  expect(await codeOf(() => authorise(both, 'publish', 'acme'))).toBe('forbidden');
  expect(await codeOf(() => authorise({ ...both, roles: [] }, 'read', 'acme'))).toBe('forbidden');
});

test('a token of a tenant is forbidden to access another tenant or the platform', async () => {
  const principal: Principal = { id: '1', name: 'x', tenant: 'acme', roles: ['admin'] };
  expect(await codeOf(() => authorise(principal, 'read', 'other'))).toBe('forbidden');
  expect(await codeOf(() => authorise(principal, 'administer', null))).toBe('forbidden');
});
