import { afterEach, describe, expect, test } from 'vitest';

import { runCli } from '../../../support/runs/run-cli.ts';
import { hangUp, json, problem, scriptedApi, type ScriptedApi, type Respond } from '../scripted-api.ts';

const ID = '0b9f2c6e-7c1d-4c43-9d3e-0a6f1f0f8a52';
const LOST = '11111111-7c1d-4c43-9d3e-0a6f1f0f8a52';
const made = json(
  {
    id: ID,
    name: 'ci',
    tenant: 'acme',
    roles: ['viewer'],
    token: 'pmn_x',
    createdAt: '2026-01-01T00:00:00.000Z',
    createdBy: 'admin',
  },
  201,
);
const nothing: Respond = (_seen, response) => void response.writeHead(204).end();

let api: ScriptedApi | null = null;

afterEach(async () => {
  await api?.close();
  api = null;
});

async function run(args: readonly string[], script: Parameters<typeof scriptedApi>[0] = {}, env = {}) {
  api = await scriptedApi(script);
  return runCli(args, { env: { POINTSMAN_URL: api.url, POINTSMAN_TOKEN: 't', ...env } });
}

const CREATE = ['tokens', 'create', 'ci', '--role', 'viewer'] as const;

describe('"pointsman tokens create"', () => {
  test('requests a token of the platform unless an option or the environment names a tenant', async () => {
    const sent = async (args: readonly string[], env = {}): Promise<unknown> => {
      await run(args, { 'POST /v1/tokens': made }, env);
      const body: unknown = JSON.parse(String(api?.seen[0]?.body));
      await api?.close();
      return body;
    };
    const asked = { name: 'ci', roles: ['viewer'] };
    expect(await sent(CREATE)).toEqual(asked);
    expect(await sent([...CREATE, '--tenant', 'acme'])).toEqual({ ...asked, tenant: 'acme' });
    expect(await sent(CREATE, { POINTSMAN_TENANT: 'acme' })).toEqual({ ...asked, tenant: 'acme' });
    expect(await sent(CREATE, { POINTSMAN_TENANT: '' })).toEqual(asked);
    expect(await sent([...CREATE, '--role', 'publisher', '--role', 'viewer'])).toEqual({
      ...asked,
      roles: ['viewer', 'publisher'],
    });
  });

  test('prints only the token, and the whole response with --json', async () => {
    expect((await run(CREATE, { 'POST /v1/tokens': made })).stdout).toBe('pmn_x\n');
    await api?.close();
    const { stdout, stderr } = await run([...CREATE, '--json'], { 'POST /v1/tokens': made });
    expect(JSON.parse(stdout)).toMatchObject({ id: ID, token: 'pmn_x' });
    expect(stderr).toBe('');
  });

  test('revokes the token of a lost response, and creates another token with another idempotency key', async () => {
    const before = problem(409, 'conflict', 'made before', { tokenId: LOST, replayed: true });
    const { exit, stdout } = await run(CREATE, {
      'POST /v1/tokens': [hangUp, before, made],
      [`DELETE /v1/tokens/${LOST}`]: nothing,
    });
    expect({ exit, stdout }).toEqual({ exit: 0, stdout: 'pmn_x\n' });
    expect(api?.seen.map(({ method, path }) => `${method} ${path}`)).toEqual([
      'POST /v1/tokens',
      'POST /v1/tokens',
      `DELETE /v1/tokens/${LOST}`,
      'POST /v1/tokens',
    ]);
    const keys = api?.seen.map(({ headers }) => headers['idempotency-key']);
    expect(keys?.[0]).toBe(keys?.[1]);
    expect(keys?.[3]).not.toBe(keys?.[0]);
  });

  test('revokes nothing when the name is already in use, and prints the id of the token with that name', async () => {
    const taken = problem(409, 'conflict', 'taken', { tokenId: LOST });
    const { exit, stdout, stderr } = await run(CREATE, { 'POST /v1/tokens': taken });
    expect({ exit, stdout }).toEqual({ exit: 8, stdout: '' });
    expect(stderr).toContain(`pointsman tokens revoke ${LOST}`);
    expect(api?.seen).toHaveLength(1);
  });
});

test.each([
  [['tokens']],
  [['tokens', 'create', 'ci']],
  [['tokens', 'create', 'admin', '--role', 'viewer']],
  [['tokens', 'create', 'a/b', '--role', 'viewer']],
  [['tokens', 'create', 'ci', '--role', 'owner']],
  [['tokens', 'revoke', 'ci']],
  [['tokens', 'revoke', 'pmn_somebodysSecret']],
])('the "pointsman" arguments %j give the exit code 2, and nothing is sent', async (args) => {
  const { exit, stdout, stderr } = await run(args);
  expect({ exit, stdout }).toEqual({ exit: 2, stdout: '' });
  expect(stderr).not.toBe('');
  expect(api?.seen).toEqual([]);
});

test('a token that is given in place of a token id is refused, and is not printed', async () => {
  for (const secret of ['ptm_somebodysSecret', 'somebodysSecret']) {
    const { exit, stderr, stdout } = await runCli(['tokens', 'revoke', secret]);
    expect(exit).toBe(2);
    expect(stderr).toContain('To list the ids: pointsman tokens list');
    expect(stderr + stdout).not.toContain('omebodysSecret');
  }
});
