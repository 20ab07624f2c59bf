import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';

import { runCli } from '../../support/run-cli.ts';
import { json, problem, release, scriptedApi, type Respond, type ScriptedApi } from './scripted-api.ts';

const open: ScriptedApi[] = [];

afterEach(async () => {
  await Promise.all(open.splice(0).map((one) => one.close()));
});

async function serve(script: Parameters<typeof scriptedApi>[0]): Promise<ScriptedApi> {
  const api = await scriptedApi(script);
  open.push(api);
  return api;
}

const page = (...items: unknown[]): Respond => json({ items, next: null });

/** An API where everything is well and these releases are on record. */
function healthy(...releases: unknown[]): Record<string, Respond> {
  return {
    'GET /healthz': json({ status: 'ok' }),
    'GET /readyz': json({ status: 'ready', worker: 'ok' }),
    'GET /v1/tenants': page({ tenant: 'acme' }),
    'GET /v1/tenants/acme/bundles': page({ bundle: 'bot' }),
    'GET /v1/tenants/acme/bundles/bot/releases': page(...releases),
  };
}

/** A Restate's administration that has these stuck invocations. */
function restate(...rows: unknown[]): Record<string, Respond> {
  return { 'GET /version': json({ version: '1.7.12' }), 'POST /query': json({ rows }) };
}

async function doctor(api: ScriptedApi, env: Readonly<Record<string, string>> = {}, ...args: string[]) {
  return runCli(['doctor', ...args], { env: { POINTSMAN_URL: api.url, POINTSMAN_TOKEN: 't', ...env } });
}

describe('doctor', () => {
  test('with everything well exits with 0, and says what it could not look at', async () => {
    const { exit, stdout } = await doctor(await serve(healthy()));
    expect(exit).toBe(0);
    expect(stdout).toMatch(/\? {2}Restate +RESTATE_ADMIN_URL is not set/);
    expect(stdout).toMatch(/\? {2}PostgreSQL +DATABASE_URL is not set/);
  });

  test('a paused invocation is ill, and comes with the command that resumes it', async () => {
    const paused = {
      id: 'inv_1',
      target: 'Release/acme/bot/v1/run',
      status: 'paused',
      last_failure: 'no disk',
    };
    const admin = await serve(restate(paused));
    const { exit, stdout } = await doctor(await serve(healthy()), { RESTATE_ADMIN_URL: admin.url });
    expect(exit).toBe(1);
    expect(stdout).toMatch(/✗ {2}Release\/acme\/bot\/v1\/run +paused: no disk\n.*invocations resume inv_1/);
    expect(stdout).toContain('1 thing ill');
  });

  test('one that is retried is odd, which is no failure', async () => {
    const retried = { id: 'inv_1', target: 'Tenant/acme/publish', status: 'backing-off', retry_count: 7 };
    const admin = await serve(restate(retried));
    const { exit, stdout } = await doctor(await serve(healthy()), { RESTATE_ADMIN_URL: admin.url }, '--json');
    expect(exit).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      findings: expect.arrayContaining([
        expect.objectContaining({ about: 'Tenant/acme/publish', state: 'odd' }),
      ]),
    });
  });

  test('a Restate that does not answer is ill', async () => {
    const admin = await serve({});
    const { exit, stdout } = await doctor(await serve(healthy()), { RESTATE_ADMIN_URL: admin.url });
    expect(exit).toBe(1);
    expect(stdout).toMatch(/✗ {2}Restate /);
  });

  test('a store that the API can not reach, and a wrong token, are told by name', async () => {
    const api = await serve({
      ...healthy(),
      'GET /readyz': problem(503, 'unavailable', 'Down: postgres.', {}, { 'retry-after': '0' }),
      'GET /v1/tenants': problem(401, 'unauthenticated', 'This token is not known here.'),
    });
    const { exit, stdout } = await doctor(api);
    expect(exit).toBe(1);
    expect(stdout).toMatch(/✗ {2}stores +Down: postgres\.\n✗ {2}token +This token is not known here\./);
  });

  test('a worker that does not answer is ill, and what to do about it is said', async () => {
    const { exit, stdout } = await doctor(
      await serve({ ...healthy(), 'GET /readyz': json({ status: 'ready', worker: 'down' }) }),
    );
    expect(exit).toBe(1);
    expect(stdout).toMatch(/✗ {2}worker +does not answer through Restate.*\n.*\bkill -9\b/);
  });

  test('a release that is long in flight is shown; one that just began or has ended is not', async () => {
    const justNow = release({ version: 3, createdAt: new Date().toISOString() });
    const ended = release({ version: 2, status: 'settled', outcome: 'rejected' });
    const { exit, stdout } = await doctor(await serve(healthy(justNow, ended, release())));
    expect(exit).toBe(0);
    expect(stdout).toMatch(
      /! {2}acme:bot:v1 +in flight for longer than 1 min\n +pointsman status .*--release 1\n/,
    );
    expect(stdout).not.toMatch(/bot:v[23]/);
  });

  test('--repair asks the tenant to look after it, and tells its outcome', async () => {
    const ingress = await serve({
      'POST /Tenant/acme/reap/send': json({ invocationId: 'inv_1', status: 'Accepted' }, 202),
    });
    const one = 'GET /v1/tenants/acme/bundles/bot/releases/1';
    const api = await serve({
      ...healthy(release()),
      [one]: [json(release()), json(release({ status: 'settled', outcome: 'errored' }))],
    });
    const { exit, stdout } = await doctor(api, { RESTATE_INGRESS_URL: ingress.url }, '--repair');
    expect(exit).toBe(0);
    expect(stdout).toMatch(/✓ {2}acme:bot:v1 +settled: errored/);
    expect(JSON.parse(String(ingress.seen[0]?.body))).toMatchObject({
      bundle: 'bot',
      channel: 'live',
      version: 1,
    });
  });

  test('knows the Restate of this machine’s npm start, but not for another API', async () => {
    const home = await mkdtemp(join(tmpdir(), 'pointsman-home-'));
    try {
      const admin = await serve(restate());
      const api = await serve(healthy());
      await writeFile(join(home, 'api-url'), `${api.url}\n`);
      await writeFile(join(home, 'ports.json'), JSON.stringify({ admin: Number(new URL(admin.url).port) }));
      const own = (await doctor(api, { POINTSMAN_HOME: home })).stdout;
      expect(own).toContain(`1.7.12 at ${admin.url}`);
      expect(own).toMatch(/\? {2}PostgreSQL +not looked into: npm start keeps its password to itself/);
      const other = await doctor(await serve(healthy()), { POINTSMAN_HOME: home });
      expect(other.stdout).toContain('RESTATE_ADMIN_URL is not set');
    } finally {
      await rm(home, { recursive: true, force: true });
    }
  });
});
