import { expect, test } from 'vitest';

import { PointsmanError } from '../../../core/errors.ts';
import { authenticate, authorise, type Principal } from '../../../services/api/access.ts';
import { hashToken } from '../../../services/config/settings.ts';

const hash = hashToken('the-right-token-0123');

function codeOf(act: () => unknown): string {
  try {
    act();
    return 'allowed';
  } catch (error) {
    return error instanceof PointsmanError ? error.code : 'broke';
  }
}

test('the bootstrap token is the admin of everything', () => {
  expect(authenticate('Bearer the-right-token-0123', hash)).toEqual({
    name: 'admin',
    tenant: null,
    roles: ['admin'],
  });
  expect(codeOf(() => authenticate('bearer the-right-token-0123', hash))).toBe('allowed');
});

test.each([
  null,
  '',
  'the-right-token-0123',
  'Basic dTpw',
  'Bearer',
  'Bearer wrong',
  'Bearer the-right-token-0123 x',
  `Bearer ${'x'.repeat(2_000)}`,
])('the header %s is nobody', (header) => {
  expect(codeOf(() => authenticate(header, hash))).toBe('unauthenticated');
});

test.each([
  ['viewer', 'read', 'allowed'],
  ['viewer', 'publish', 'forbidden'],
  ['follower', 'steer', 'forbidden'],
  ['approver', 'publish', 'forbidden'],
  ['publisher', 'publish', 'allowed'],
  ['publisher', 'administer', 'forbidden'],
  ['admin', 'administer', 'allowed'],
] as const)('a %s may %s: %s', (role, action, expected) => {
  const principal: Principal = { name: 'x', tenant: 'acme', roles: [role] };
  expect(codeOf(() => authorise(principal, action, 'acme'))).toBe(expected);
});

test("nobody reaches another tenant, nor what belongs to none, by a tenant's token", () => {
  const principal: Principal = { name: 'x', tenant: 'acme', roles: ['admin'] };
  expect(codeOf(() => authorise(principal, 'read', 'other'))).toBe('forbidden');
  expect(codeOf(() => authorise(principal, 'administer', null))).toBe('forbidden');
});
