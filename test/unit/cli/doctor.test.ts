import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';

import { diagnosis, doctor, healthy, restate, serve } from './doctoring.ts';
import { json, problem, release } from './scripted-api.ts';

describe('doctor', () => {
  test('with everything well exits with 0, and says what it could not look at', async () => {
    const { exit, stdout } = await doctor(await serve(healthy()));
    expect(exit).toBe(0);
    expect(stdout).toMatch(/\? {2}Restate +not checked: RESTATE_ADMIN_URL is not set/);
    expect(stdout).toMatch(/\? {2}PostgreSQL +not checked directly: DATABASE_URL is not set/);
  });

  test('a paused invocation of any service of the worker is an error, with the command that resumes it', async () => {
    const paused = {
      id: 'inv_1',
      target: 'Compensation/acme/bot/v1/undo',
      status: 'paused',
      last_failure: 'no disk',
    };
    const admin = await serve(restate(paused));
    const { exit, stdout } = await doctor(await serve(healthy()), { RESTATE_ADMIN_URL: admin.url });
    expect(exit).toBe(1);
    expect(stdout).toMatch(
      /^✗ {2}Compensation\/acme\/bot\/v1\/undo +paused: no disk\n.*RESTATE_ADMIN_URL=http:.* invocations resume inv_1/,
    );
    expect(stdout).toContain('1 error, ');
    const query = admin.seen.find(({ method }) => method === 'POST')?.body;
    expect(String(query)).toContain("IN ('Tenant', 'Compensation')");
  });

  test.each([
    [7, 'warning', 0],
    [8, 'error', 1],
  ])('one that was retried %i times is a %s', async (retries, state, code) => {
    const retried = {
      id: 'inv_1',
      target: 'Tenant/acme/publish',
      status: 'backing-off',
      retry_count: retries,
    };
    const admin = await serve(restate(retried));
    const { exit, findings } = await diagnosis(await serve(healthy()), { RESTATE_ADMIN_URL: admin.url });
    expect(exit).toBe(code);
    expect(findings[0]).toMatchObject({ subject: 'Tenant/acme/publish', state });
  });

  test('a Restate that does not answer, or knows no worker, is an error', async () => {
    const admin = await serve({});
    const { exit, stdout } = await doctor(await serve(healthy()), { RESTATE_ADMIN_URL: admin.url });
    expect(exit).toBe(1);
    expect(stdout).toMatch(/✗ {2}Restate /);
    const empty = await serve({ ...restate(), 'GET /deployments': json({ deployments: [] }) });
    const other = await doctor(await serve(healthy()), { RESTATE_ADMIN_URL: empty.url });
    expect(other.exit).toBe(1);
    expect(other.stdout).toMatch(/✗ {2}Restate +1\.7\.12 has no worker/);
  });

  test('a store that the API can not reach, and a wrong token, are told by name', async () => {
    const api = await serve({
      ...healthy(),
      'GET /readyz': problem(503, 'unavailable', 'Down: postgres.', {}, { 'retry-after': '0' }),
      'GET /v1/tenants': problem(401, 'unauthenticated', 'The token is unknown or revoked.'),
    });
    const { exit, stdout } = await doctor(api);
    expect(exit).toBe(1);
    expect(stdout).toMatch(/✗ {2}stores +Down: postgres\.\n✗ {2}token +The token is unknown or revoked\./);
  });

  test('a worker that does not answer is an error, with what to do about it', async () => {
    const { exit, stdout } = await doctor(
      await serve({ ...healthy(), 'GET /readyz': json({ status: 'ready', worker: 'down' }) }),
    );
    expect(exit).toBe(1);
    expect(stdout).toMatch(/✗ {2}worker +does not respond through Restate.*\n.*\bkill -9\b/);
  });

  test('a release that is long in flight is shown; one that just began or has ended is not', async () => {
    const justNow = release({ version: 3, createdAt: new Date().toISOString() });
    const ended = release({ version: 2, status: 'settled', outcome: 'rejected' });
    const { exit, stdout } = await doctor(await serve(healthy(justNow, ended, release())));
    expect(exit).toBe(0);
    expect(stdout).toMatch(
      /! {2}acme:bot:v1 +in flight for longer than 1 min\n.*npx pointsman status .*--release 1\n/,
    );
    expect(stdout).not.toMatch(/bot:v[23]/);
  });

  test('--repair asks the tenant to look after it, and tells its outcome', async () => {
    const ingress = await serve({
      'POST /Worker/checkSystems': json({ postgres: { kind: 'well' }, redis: { kind: 'well' } }),
      'POST /Tenant/acme/reconcile/send': json({ invocationId: 'inv_1', status: 'Accepted' }, 202),
    });
    const one = 'GET /v1/tenants/acme/bundles/bot/releases/1';
    const api = await serve({
      ...healthy(release()),
      [one]: [json(release()), json(release({ status: 'settled', outcome: 'errored' }))],
    });
    const { exit, stdout } = await doctor(api, { RESTATE_INGRESS_URL: ingress.url }, '--repair');
    expect(exit).toBe(0);
    expect(stdout).toMatch(/✓ {2}acme:bot:v1 +settled: errored/);
    expect(JSON.parse(String(ingress.seen.at(-1)?.body))).toMatchObject({
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
      expect(own).toMatch(/\? {2}PostgreSQL +not checked directly: only npm start has its password/);
      const other = await doctor(await serve(healthy()), { POINTSMAN_HOME: home });
      expect(other.stdout).toContain('RESTATE_ADMIN_URL is not set');
    } finally {
      await rm(home, { recursive: true, force: true });
    }
  });

  test('what the worker does not reach is an error by name; an older worker can not be asked', async () => {
    const down = { kind: 'down', reason: 'Redis: it is unreachable' };
    const ingress = await serve({
      'POST /Worker/checkSystems': json({ postgres: { kind: 'well' }, redis: down }),
    });
    const { exit, stdout } = await doctor(await serve(healthy()), { RESTATE_INGRESS_URL: ingress.url });
    expect(exit).toBe(1);
    expect(stdout).toMatch(/^✗ {2}Redis +Redis: it is unreachable\n.*REDIS_URL/);
    expect(stdout).toMatch(/✓ {2}PostgreSQL +accepts writes from the worker/);
    expect(stdout).not.toContain('RabbitMQ ');
    const failing = await serve({ 'POST /Worker/checkSystems': json({ message: 'no worker' }, 500) });
    const silent = await doctor(await serve(healthy()), { RESTATE_INGRESS_URL: failing.url });
    expect(silent.exit).toBe(1);
    expect(silent.stdout).toMatch(/^✗ {2}worker +does not respond through Restate/);
    const older = await doctor(await serve(healthy()), { RESTATE_INGRESS_URL: (await serve({})).url });
    expect(older.exit).toBe(0);
    expect(older.stdout).toContain('the worker has an older version');
  });

  test('findings are sorted: errors, warnings, what was not checked, and what is well', async () => {
    const paused = { id: 'inv_1', target: 'Tenant/acme/swap', status: 'paused' };
    const admin = await serve(restate(paused));
    const { findings, errors, warnings } = await diagnosis(await serve(healthy(release())), {
      RESTATE_ADMIN_URL: admin.url,
    });
    const states = findings.map(({ state }) => state);
    expect(states.join(' ')).toMatch(/^error warning unknown (?:unknown )*ok(?: ok)*$/);
    expect({ errors, warnings }).toEqual({ errors: 1, warnings: 1 });
  });
});
