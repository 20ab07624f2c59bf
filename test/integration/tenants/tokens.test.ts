import { request } from 'node:http';

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import type { Role } from '../../../packages/protocol/access.ts';
import { hashToken } from '../../../services/config/settings.ts';
import { startApi, type TestApi, type TestCall } from '../../support/processes/api.ts';
import {
  accepted,
  type ControlPlane,
  newTenant,
  settled,
  sharedControlPlane,
} from '../../support/worlds/control-plane.ts';
import { eventually } from '../../support/runs/eventually.ts';
import { runCli } from '../../support/runs/run-cli.ts';
import { as, itemsOf, madeToken, shown } from '../../support/data/tokens.ts';

// This file is not part of the replay run, because it tests tokens. api-publish.test.ts runs the same handlers with
// Restate replaying.

let plane: ControlPlane;
let api: TestApi;
let tenant: string;

beforeAll(async () => {
  plane = await sharedControlPlane();
  api = await startApi({ appUrl: plane.postgres.appUrl, ingressUrl: plane.restate.ingressUrl });
});
beforeEach(async () => {
  tenant = await newTenant(plane);
});
afterAll(async () => {
  await api.stop();
});

let names = 0;
const own = (name: string, ...roles: Role[]) => madeToken(api, { name, tenant, roles });
const ofPlatform = (...roles: Role[]) => madeToken(api, { name: `ops-${++names}`, roles });

describe('an API token', () => {
  test('is shown once to its creator, and appears in no list and no log', async () => {
    const answer = await api.call('POST', '/v1/tokens', {
      json: { name: 'ci', tenant, roles: ['publisher', 'viewer'] },
    });
    expect([answer.status, answer.headers.get('cache-control')]).toEqual([201, 'no-store']);
    const token = String(answer.json['token']);
    expect(token).toMatch(/^pmn_[1-9A-HJ-NP-Za-km-z]{40,44}$/);
    const { id, createdAt } = answer.json;
    const view = { id, name: 'ci', tenant, roles: ['viewer', 'publisher'], createdAt, createdBy: 'admin' };
    expect(answer.json).toEqual({ ...view, token });
    const listed = await api.call('GET', `/v1/tokens?tenant=${tenant}&state=all`);
    expect(listed.json).toEqual({ items: [{ ...view, revokedAt: null, revokedBy: null }], next: null });
    await api.call('GET', `/v1/tenants/${tenant}`, as(token));
    for (const secret of [token, hashToken(token)]) expect(api.logged.join('')).not.toContain(secret);
  });

  test('is refused from the next request after its revocation, stays listed, and its name can be used again', async () => {
    const first = await own('ci', 'viewer');
    expect((await api.call('GET', `/v1/tenants/${tenant}`, as(first.token))).status).toBe(200);
    expect((await api.call('DELETE', `/v1/tokens/${first.id}`)).status).toBe(204);
    const refused = await api.call('GET', `/v1/tenants/${tenant}`, as(first.token));
    expect(shown(refused)).toEqual(shown(await api.call('GET', `/v1/tenants/${tenant}`, as('pmn_wrong'))));
    expect(refused.status).toBe(401);
    expect((await api.call('DELETE', `/v1/tokens/${first.id}`)).status).toBe(204);
    const second = await own('ci', 'viewer');
    expect((await api.call('GET', `/v1/tenants/${tenant}`, as(second.token))).status).toBe(200);
    const idsIn = async (state: string) =>
      itemsOf(await api.call('GET', `/v1/tokens?tenant=${tenant}&state=${state}`)).map(({ id }) => id);
    expect(await idsIn('active')).toEqual([second.id]);
    expect(await idsIn('revoked')).toEqual([first.id]);
    expect(new Set(await idsIn('all'))).toEqual(new Set([first.id, second.id]));
  });

  test('is created once by concurrent requests for the same name', async () => {
    const ask = () => api.call('POST', '/v1/tokens', { json: { name: 'ci', tenant, roles: ['viewer'] } });
    const answers = await Promise.all(Array.from({ length: 20 }, ask));
    const [one, ...more] = answers.filter(({ status }) => status === 201);
    expect([one?.status, more]).toEqual([201, []]);
    for (const { status, json } of answers.filter((answer) => answer !== one))
      expect([status, json['code'], json['tokenId']]).toEqual([409, 'conflict', one?.json['id']]);
    expect(itemsOf(await api.call('GET', `/v1/tokens?tenant=${tenant}`))).toHaveLength(1);
  });

  test('is created and shown once for an idempotency key, and a repeated request gets only the id of that token', async () => {
    const headers = { 'idempotency-key': 'once' };
    const ask = (roles: Role[]) =>
      api.call('POST', '/v1/tokens', { headers, json: { name: 'ci', tenant, roles } });
    const first = await ask(['viewer', 'publisher']);
    expect(first.status).toBe(201);
    const again = await ask(['publisher', 'viewer']);
    expect([again.status, again.json['replayed'], again.json['tokenId']]).toEqual([
      409,
      true,
      first.json['id'],
    ]);
    expect(again.text).not.toContain('pmn_');
    const another = await ask(['viewer']);
    expect([another.status, another.json['code']]).toEqual([422, 'idempotency_key_reused']);
    expect(itemsOf(await api.call('GET', `/v1/tokens?tenant=${tenant}&state=all`))).toHaveLength(1);
  });

  test.each([
    [{ name: 'Admin', roles: ['viewer'] }, '/name'],
    [{ name: 'a/b', roles: ['viewer'] }, '/name'],
    [{ name: 'a', roles: [] }, '/roles'],
    [{ name: 'a', roles: ['owner'] }, '/roles/0'],
    [{ name: 'a', roles: ['viewer', 'viewer'] }, '/roles'],
    [{ name: 'a', roles: ['viewer'], id: 'mine' }, '/id'],
  ])('is not created from %j, and the error has the location of the mistake', async (json, pointer) => {
    const answer = await api.call('POST', '/v1/tokens', { json });
    expect([answer.status, answer.json['errors']]).toMatchObject([422, [{ pointer }]]);
  });

  test('is recorded by name as the author of a change, and a platform token by a name that no token of a tenant can have', async () => {
    await settled(plane, tenant, await accepted(plane, tenant));
    const path = `/v1/tenants/${tenant}/bundles/bundle/channels/live/hold`;
    const platform = await ofPlatform('publisher');
    const json = { reason: 'x' };
    const byTenants = await api.call('PUT', path, as((await own('admin-1', 'publisher')).token, { json }));
    expect(byTenants.json['hold']).toMatchObject({ by: 'admin-1' });
    const byPlatforms = await api.call('PUT', path, as(platform.token, { json }));
    expect(byPlatforms.json['hold']).toMatchObject({ by: `platform/ops-${names}` });
  });
});

test('a header of a megabyte is refused without being read, and the next request is served', async () => {
  const status = await new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${'x'.repeat(1024 * 1024)}` };
    const sent = request(`${api.url}/v1/tokens`, { headers }, (answer) => {
      answer.resume();
      resolve(answer.statusCode);
    });
    sent.on('error', reject);
    sent.end();
  });
  expect(status).toBe(431);
  expect((await api.call('GET', '/v1/tokens')).status).toBe(200);
});

test('the command line creates a token on standard output only, lists it and revokes it', async () => {
  const cli = (...args: string[]) =>
    runCli(args, { env: { POINTSMAN_URL: api.url, POINTSMAN_TOKEN: api.adminToken } });
  const created = await cli(
    'tokens',
    'create',
    'ci',
    '--tenant',
    tenant,
    '--role',
    'viewer',
    '--role',
    'publisher',
  );
  expect(created).toMatchObject({ exit: 0, stdout: expect.stringMatching(/^pmn_\w+\n$/) });
  const token = created.stdout.trim();
  expect(created.stderr).not.toContain(token);
  expect((await api.call('GET', `/v1/tenants/${tenant}`, as(token))).status).toBe(200);
  const [row = ''] = (await cli('tokens', 'list', '--tenant', tenant)).stdout.split('\n');
  const [id = '', ...rest] = row.split(/ {2,}/);
  expect(rest.slice(0, 3)).toEqual(['ci', tenant, 'viewer,publisher']);
  expect((await cli('tokens', 'create', 'ci', '--tenant', tenant, '--role', 'viewer')).stderr).toContain(
    `pointsman tokens revoke ${id}`,
  );
  expect(await cli('tokens', 'revoke', id)).toMatchObject({ exit: 0, stdout: `revoked  ${id}\n` });
  expect((await cli('tokens', 'list', '--tenant', tenant)).stdout).toBe('');
  expect((await cli('tokens', 'list', '--tenant', tenant, '--all')).stdout).toContain('revoked 20');
  expect(
    (await runCli(['tokens', 'list'], { env: { POINTSMAN_URL: api.url, POINTSMAN_TOKEN: token } })).exit,
  ).toBe(9);
});

// This is the last test, because the test's database does not restart.
test('while PostgreSQL is down the admin token of the environment works, and other tokens get 503', async () => {
  const { token } = await ofPlatform('admin');
  process.kill(plane.postgres.pid, 'SIGKILL');
  await eventually(async () => (await api.call('GET', '/readyz')).status === 503, { what: 'not ready' });
  // The body is invalid. The API checks the body only after the token, so a 422 would show that the token was
  // accepted.
  const ask = (call: TestCall) => api.call('POST', '/v1/tokens', { ...call, json: {} });
  expect((await ask({})).status).toBe(422);
  for (const one of [token, 'pmn_wrong']) {
    const { status, json, headers } = await ask(as(one));
    expect([status, json['code'], headers.get('retry-after')]).toEqual([503, 'unavailable', '2']);
  }
  expect((await ask({ headers: { authorization: '' } })).status).toBe(401);
});
