import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';

import { Role } from '../../../packages/protocol/access.ts';
import { digestOf } from '../../../packages/protocol/digest.ts';
import { startApi, type TestApi, type TestCall } from '../../support/processes/api.ts';
import {
  accepted,
  type ControlPlane,
  newTenant,
  settled,
  sharedControlPlane,
} from '../../support/worlds/control-plane.ts';
import { as, itemsOf, madeToken, shown } from '../../support/data/tokens.ts';

// This file is not part of the replay run, because it tests tokens. api-publish.test.ts and approvals.test.ts run the
// same handlers with Restate replaying.

let plane: ControlPlane;
let api: TestApi;
let tenant: string;
let other: string;

beforeAll(async () => {
  plane = await sharedControlPlane();
  api = await startApi({ appUrl: plane.postgres.appUrl, ingressUrl: plane.restate.ingressUrl });
});
beforeEach(async () => {
  [tenant, other] = [await newTenant(plane), await newTenant(plane)];
});
afterAll(async () => {
  await api.stop();
});

let names = 0;
const own = (name: string, ...roles: Role[]) => madeToken(api, { name, tenant, roles });
const ofPlatform = (...roles: Role[]) => madeToken(api, { name: `ops-${++names}`, roles });

const kinds = {
  read: () => ['GET', `/v1/tenants/${tenant}/bundles`],
  publish: () => [
    'POST',
    `/v1/tenants/${tenant}/bundles/bot/releases`,
    { json: { files: { 'a.yaml': 'a: 1' } } },
  ],
  control: () => ['PUT', `/v1/tenants/${tenant}/bundles/bot/channels/live/hold`, { json: { reason: 'x' } }],
  approve: () => [
    'POST',
    `/v1/tenants/${tenant}/bundles/bot/releases/99/approvals`,
    { json: { decision: 'approve', digest: digestOf('x') } },
  ],
  report: () => [
    'POST',
    `/v1/tenants/${tenant}/bundles/bot/releases/99/checks/e2e`,
    { json: { conclusion: 'success' } },
  ],
  acknowledge: () => [
    'PUT',
    `/v1/tenants/${tenant}/bundles/bot/channels/live/followers/bot-1`,
    { json: { generation: 0, digest: null } },
  ],
  administer: () => ['GET', '/v1/tokens'],
  reconcile: () => ['POST', `/v1/tenants/${tenant}/bundles/bot/releases/99/reconcile`],
  'make tokens': () => ['POST', '/v1/tokens', { json: { name: `n${++names}`, roles: ['admin'] } }],
  'list tenants': () => ['GET', '/v1/tenants'],
  'make tenants': () => ['POST', '/v1/tenants', { json: { tenant: `made-${++names}` } }],
  diagnose: () => ['GET', '/v1/diagnosis'],
} as const satisfies Record<string, () => readonly [string, string, TestCall?]>;
const tenants: Record<Role, string[]> = {
  viewer: ['read'],
  follower: ['read', 'acknowledge'],
  publisher: ['read', 'publish', 'control', 'report'],
  approver: ['read', 'approve', 'report'],
  reporter: ['read', 'report'],
  admin: [
    'read',
    'publish',
    'control',
    'approve',
    'report',
    'acknowledge',
    'administer',
    'reconcile',
    'make tokens',
  ],
};

async function allowed(token: string): Promise<string[]> {
  const may = [];
  for (const [kind, callOf] of Object.entries(kinds)) {
    const [method, path, call] = callOf() as [string, string, TestCall?];
    const { status, json } = await api.call(method, path, as(token, call));
    expect(status, kind).not.toBe(401);
    if (status !== 403) may.push(kind);
    else expect(json['code']).toBe('forbidden');
  }
  return may;
}

test.each(Role.options)(
  'a token of a tenant with the role %s has exactly the permissions of its role there, and has no permission on the platform',
  async (role) => {
    expect(await allowed((await own('somebody', role)).token)).toEqual(tenants[role]);
  },
);

test.each(Role.options)(
  'a token of the platform with the role %s has the permissions of that role in every tenant',
  async (role) => {
    const more = role === 'admin' ? ['list tenants', 'make tenants', 'diagnose'] : [];
    expect(await allowed((await ofPlatform(role)).token)).toEqual([...tenants[role], ...more]);
  },
);

test('a token can revoke itself with any role, and a publisher cannot revoke another token', async () => {
  const [ci, eve] = [await own('ci', 'publisher'), await own('eve', 'publisher')];
  expect((await api.call('DELETE', `/v1/tokens/${ci.id}`, as(eve.token))).status).toBe(403);
  expect((await api.call('DELETE', `/v1/tokens/${eve.id}`, as(eve.token))).status).toBe(204);
  expect((await api.call('DELETE', `/v1/tokens/${eve.id}`, as(eve.token))).status).toBe(401);
  expect((await api.call('GET', `/v1/tenants/${tenant}`, as(ci.token))).status).toBe(200);
});

test('an admin of a tenant creates, lists and revokes its tokens, and gets the same response for tokens of others and for unknown tokens', async () => {
  const { token } = await own('boss', 'admin');
  const theirs = await madeToken(api, { name: 'ci', tenant: other, roles: ['viewer'] });
  const platform = await ofPlatform('viewer');
  const json = { name: 'ci', roles: ['admin'] };
  const mine = await api.call('POST', '/v1/tokens', as(token, { json }));
  expect(mine.json).toMatchObject({ tenant, createdBy: 'boss' });
  const listed = itemsOf(await api.call('GET', '/v1/tokens', as(token)));
  expect(listed.map((one) => one['name'])).toEqual(['ci', 'boss']);
  const nowhere = 'there-is-none';
  const answers = [
    ...[other, nowhere].map((of) =>
      api.call('POST', '/v1/tokens', as(token, { json: { ...json, tenant: of } })),
    ),
    ...[other, nowhere].map((of) => api.call('GET', `/v1/tokens?tenant=${of}`, as(token))),
    ...[theirs.id, platform.id, crypto.randomUUID()].map((id) =>
      api.call('DELETE', `/v1/tokens/${id}`, as(token)),
    ),
  ];
  const [first, ...rest] = (await Promise.all(answers)).map(shown);
  expect(first?.[0]).toBe(403);
  for (const one of rest) expect(one).toEqual(first);
  expect((await api.call('GET', `/v1/tenants/${other}`, as(theirs.token))).status).toBe(200);
  expect((await api.call('DELETE', `/v1/tokens/${String(mine.json['id'])}`, as(token))).status).toBe(204);
});

test('an admin of a tenant gets the same response on every path for an existing and for an unknown other tenant', async () => {
  const { token } = await own('boss', 'admin');
  await settled(plane, other, await accepted(plane, other));
  const { paths } = (await api.call('GET', '/openapi.json')).json as {
    paths: Record<string, Record<string, { security: unknown[] }>>;
  };
  let asked = 0;
  for (const [path, operations] of Object.entries(paths)) {
    if (!path.includes('{tenant}')) continue;
    for (const [method, { security }] of Object.entries(operations)) {
      if (security.length === 0) continue;
      const at = (name: string) =>
        path
          .replace('{tenant}', name)
          .replace('{bundle}', 'bundle')
          .replaceAll(/\{\w+\}/g, '1');
      const [there, nowhere] = [at(other), at('there-is-none')];
      const ask = async (where: string) => shown(await api.call(method.toUpperCase(), where, as(token)));
      expect((await ask(there))[0], `${method} ${path}`).toBe(403);
      expect(await ask(there), `${method} ${path}`).toEqual(await ask(nowhere));
      asked++;
    }
  }
  expect(asked).toBeGreaterThan(15);
});

test('an admin of the platform gets 404 for an unknown tenant or token', async () => {
  const { token } = await ofPlatform('admin');
  const json = { name: 'x', tenant: 'there-is-none', roles: ['viewer'] };
  expect((await api.call('POST', '/v1/tokens', as(token, { json }))).status).toBe(404);
  expect((await api.call('GET', '/v1/tokens?tenant=there-is-none', as(token))).status).toBe(404);
  expect((await api.call('DELETE', `/v1/tokens/${crypto.randomUUID()}`, as(token))).status).toBe(404);
});
