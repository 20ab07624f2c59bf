import { describe, expect, test } from 'vitest';

import { diagnosed, diagnosis, doctor, healthy, serve } from './doctoring.ts';
import { hangUp, json, problem, release } from './scripted-api.ts';

const paused = {
  subject: 'Compensation/acme/bot/v1/undo',
  state: 'error',
  summary: 'paused: no disk',
  actions: ['After fixing the cause: RESTATE_ADMIN_URL=http://restate npx restate invocations resume inv_1'],
};
const inFlight = {
  subject: 'acme:bot:v1',
  state: 'warning',
  summary: 'in flight for longer than 1 min',
  actions: [],
};

describe('"pointsman doctor"', () => {
  test('exits with 0 when everything is healthy, and lists in one line the checks that need another token', async () => {
    const { exit, stdout } = await doctor(await serve(healthy()));
    expect(exit).toBe(0);
    expect(stdout).toMatch(
      /\? {2}server +not checked: checks of the server need a token of the platform's admin\n/,
    );
    expect(stdout.match(/\?/g)).toHaveLength(1);
  });

  test('shows the findings of the server with the actions to take, and exits with 1 for an error', async () => {
    const { exit, stdout } = await doctor(await serve({ ...healthy(), ...diagnosed(paused) }));
    expect(exit).toBe(1);
    expect(stdout).toMatch(
      /^✗ {2}Compensation\/acme\/bot\/v1\/undo +paused: no disk\n.*RESTATE_ADMIN_URL=http:.* invocations resume inv_1\n/,
    );
    expect(stdout).toContain('1 error\n');
  });

  test('reports that an older API cannot examine the server', async () => {
    const old = problem(404, 'not_found', 'The path /v1/diagnosis does not exist.');
    const { exit, stdout } = await doctor(await serve({ ...healthy(), 'GET /v1/diagnosis': old }));
    expect(exit).toBe(0);
    expect(stdout).toMatch(/\? {2}server +not checked: the API has an older version\n/);
  });

  test('reports only that the API does not respond when the API is down, and exits with 11', async () => {
    const api = await serve({ 'GET /healthz': hangUp });
    const { exit, findings } = await diagnosis(api);
    expect(exit).toBe(11);
    expect(findings).toMatchObject([
      { subject: 'API', state: 'error' },
      { subject: 'Node', state: 'ok' },
    ]);
  });

  test('names a store that the API cannot reach, and reports an invalid token', async () => {
    const unauthenticated = problem(401, 'unauthenticated', 'The token is unknown or revoked.');
    const api = await serve({
      ...healthy(),
      'GET /readyz': problem(503, 'unavailable', 'Down: postgres.', {}, { 'retry-after': '0' }),
      'GET /v1/tenants': unauthenticated,
      'GET /v1/diagnosis': unauthenticated,
    });
    const { exit, stdout } = await doctor(api);
    expect(exit).toBe(1);
    expect(stdout).toMatch(/✗ {2}stores +Down: postgres\.\n✗ {2}token +The token is unknown or revoked\./);
    expect(stdout).not.toContain('server');
  });

  test('shows the findings of the server although the tenants cannot be listed', async () => {
    const down = problem(503, 'unavailable', 'PostgreSQL is unreachable.', {}, { 'retry-after': '0' });
    const api = await serve({ ...healthy(), 'GET /v1/tenants': down, ...diagnosed(paused) });
    const { exit, findings } = await diagnosis(api);
    expect(exit).toBe(1);
    expect(findings).toContainEqual(paused);
  });

  describe('with a token of one tenant', () => {
    const world = () => ({
      ...healthy(release()),
      'GET /v1/tenants': problem(403, 'forbidden', 'The token has no role that allows this.'),
    });

    test('checks the given tenant', async () => {
      const { exit, findings } = await diagnosis(await serve(world()), '--tenant', 'acme');
      expect(exit).toBe(0);
      expect(findings[0]).toMatchObject({ subject: 'acme:bot:v1', state: 'warning' });
      const subjects = findings.filter(({ state }) => state === 'ok').map(({ subject }) => subject);
      expect(subjects).toEqual(expect.arrayContaining(['token', 'sinks', 'hooks']));
    });

    test('reports that it checked no tenant, and how to name one, when no tenant is given', async () => {
      const { exit, findings } = await diagnosis(await serve(world()));
      expect(exit).toBe(0);
      expect(findings).toContainEqual(
        expect.objectContaining({
          subject: 'tenants',
          state: 'unknown',
          actions: [expect.stringContaining('--tenant')],
        }),
      );
    });
  });

  test('reports a worker that does not respond as an error, with the next action', async () => {
    const { exit, stdout } = await doctor(
      await serve({ ...healthy(), 'GET /readyz': json({ status: 'ready', worker: 'down' }) }),
    );
    expect(exit).toBe(1);
    expect(stdout).toMatch(/✗ {2}worker +does not respond through Restate.*\n.*\bkill -9\b/);
  });

  test('shows a release that has been in flight for a long time, but not a release that has just started or waits', async () => {
    const justNow = release({ version: 3, createdAt: new Date().toISOString() });
    const waits = release({ version: 2, status: 'waiting' });
    const { exit, stdout } = await doctor(await serve(healthy(justNow, waits, release())));
    expect(exit).toBe(0);
    expect(stdout).toMatch(
      /! {2}acme:bot:v1 +in flight for longer than 1 min\n.*npx pointsman status .*--release 1\n/,
    );
    expect(stdout).not.toMatch(/bot:v[23]/);
  });

  test('shows a release that has been in flight for a long time as one finding, even when the server reports it too', async () => {
    const api = await serve({ ...healthy(release()), ...diagnosed(inFlight) });
    const { findings } = await diagnosis(api);
    expect(findings.filter(({ subject }) => subject === 'acme:bot:v1')).toEqual([inFlight]);
  });

  test('sorts its findings: errors, warnings, unchecked subjects, and healthy subjects', async () => {
    const disk = { subject: 'disk', state: 'unknown', summary: 'not checked', actions: [] };
    const api = await serve({ ...healthy(), ...diagnosed(disk, inFlight, paused) });
    const { findings, errors, warnings } = await diagnosis(api);
    const states = findings.map(({ state }) => state);
    expect(states.join(' ')).toMatch(/^error warning unknown ok(?: ok)*$/);
    expect({ errors, warnings }).toEqual({ errors: 1, warnings: 1 });
  });
});

describe('"pointsman doctor --repair"', () => {
  const one = 'GET /v1/tenants/acme/bundles/bot/releases/1';
  const reconcile = 'POST /v1/tenants/acme/bundles/bot/releases/1/reconcile';
  const settled = json(release({ status: 'settled', outcome: 'errored' }));

  test('reconciles a release that is in flight for too long, waits for its outcome, and shows the outcome instead of the warning', async () => {
    const api = await serve({
      ...healthy(release()),
      ...diagnosed(inFlight),
      [reconcile]: json(release()),
      [one]: [json(release()), settled],
    });
    const { exit, stdout } = await doctor(api, '--repair');
    expect(exit).toBe(0);
    expect(stdout).toMatch(/✓ {2}acme:bot:v1 +settled: errored/);
    expect(stdout).not.toContain('in flight for longer');
  });

  test('does not wait for a release that waits for people', async () => {
    const waits = release({ status: 'waiting' });
    const api = await serve({ ...healthy(waits), [reconcile]: json(waits) });
    const { exit, findings } = await diagnosis(api, '--repair');
    expect(exit).toBe(0);
    expect(api.seen.filter(({ path }) => path.endsWith('/reconcile'))).toHaveLength(1);
    expect(findings.filter(({ state }) => state === 'warning' || state === 'error')).toEqual([]);
  });

  test('reports a refused repair as an error of that release, and repairs the other releases', async () => {
    const api = await serve({
      ...healthy(release({ version: 2 }), release()),
      'POST /v1/tenants/acme/bundles/bot/releases/2/reconcile': problem(
        403,
        'forbidden',
        'admin is required',
      ),
      [reconcile]: settled,
    });
    const { exit, findings } = await diagnosis(api, '--repair');
    expect(exit).toBe(1);
    expect(findings).toContainEqual(
      expect.objectContaining({ subject: 'acme:bot:v2', state: 'error', summary: 'admin is required' }),
    );
    expect(findings).toContainEqual(
      expect.objectContaining({ subject: 'acme:bot:v1', state: 'ok', summary: 'settled: errored' }),
    );
  });
});
