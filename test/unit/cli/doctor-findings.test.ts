import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';

import { diagnosis, doctor, healthy, page, serve } from './doctoring.ts';

describe('doctor on sinks', () => {
  const now = Date.now();
  const ago = (seconds: number) => new Date(now - seconds * 1_000).toISOString();
  const sink = (more: object) => ({
    sink: 'audit',
    kind: 'webhook',
    url: 'https://audit.example',
    state: 'active',
    cursor: 'acme:1',
    lag: 0,
    deliveredAt: null,
    failures: 0,
    failingSince: null,
    retryAt: null,
    lastError: null,
    pausedBy: null,
    pausedAt: null,
    pauseReason: null,
    sealedUnder: 'current',
    ...more,
  });
  const failing = (seconds: number) => ({
    state: 'failing',
    failures: 5,
    failingSince: ago(seconds),
    lastError: 'answered 503',
  });
  const paused = (pausedBy: string) => ({
    state: 'paused',
    pausedBy,
    pausedAt: ago(9),
    pauseReason: 'answered 410',
  });

  test.each([
    ['paused by Pointsman', paused('pointsman/sink'), 'error', 'sinks resume audit --tenant acme'],
    ['paused by a person', paused('ann'), 'warning', 'sinks resume audit --tenant acme'],
    ['failing for a minute', failing(61), 'error', 'sinks attempts audit --tenant acme'],
    ['failing for a moment', failing(5), 'warning', 'sinks attempts audit --tenant acme'],
    ['far behind', { lag: 1_000 }, 'warning', 'sinks show audit --tenant acme'],
    ['without a readable secret', { sealedUnder: 'lost' }, 'error', 'sinks rotate audit --tenant acme'],
    ['under the previous key', { sealedUnder: 'previous' }, 'warning', 'sinks rotate audit --tenant acme'],
  ])('one that is %s is told with its cure', async (_name, more, state, action) => {
    const api = await serve({ ...healthy(), 'GET /v1/tenants/acme/sinks': page(sink(more)) });
    const { exit, findings } = await diagnosis(api);
    expect(exit).toBe(state === 'error' ? 1 : 0);
    const [first] = findings;
    expect(first).toMatchObject({ subject: 'sink acme/audit', state });
    expect(first?.actions.join('\n')).toContain(action);
  });

  test('a broker that fails for several tenants is one finding, which names them', async () => {
    const redis = page(sink({ ...failing(90), sink: 'redis', kind: 'redis', url: null }));
    const api = await serve({
      ...healthy(),
      'GET /v1/tenants': page({ tenant: 'acme' }, { tenant: 'globex' }),
      'GET /v1/tenants/acme/sinks': redis,
      'GET /v1/tenants/globex/sinks': redis,
      'GET /v1/tenants/globex/hooks': page(),
      'GET /v1/tenants/globex/bundles': page(),
    });
    const { exit, stdout } = await doctor(api);
    expect(exit).toBe(1);
    expect(stdout).toMatch(/^✗ {2}sink redis +5 tries since .*: answered 503 \(2 tenants: acme, globex\)\n/);
    expect(stdout.match(/✗/g)).toHaveLength(1);
  });
});

describe('doctor on hooks', () => {
  const hook = (sealedUnder: string) => ({
    hook: 'main',
    provider: 'github',
    repository: 'acme/bot',
    ref: 'refs/heads/main',
    path: null,
    bundle: 'bot',
    channel: 'live',
    apiUrl: null,
    tokenSet: true,
    sealedUnder,
    deliverTo: '/in',
  });
  const delivery = (state: string, at = '2026-01-01T00:00:00.000Z') => ({
    delivery: `d-${state}`,
    state,
    reason: state === 'failed' ? 'no such commit' : null,
    receivedAt: at,
    updatedAt: at,
  });

  async function findings(sealedUnder: string, ...deliveries: unknown[]) {
    const api = await serve({
      ...healthy(),
      'GET /v1/tenants/acme/hooks': page(hook(sealedUnder)),
      'GET /v1/tenants/acme/hooks/main/deliveries': page(...deliveries),
    });
    const { exit, findings: all } = await diagnosis(api);
    return { exit, ofHooks: all.filter(({ subject }) => subject.startsWith('hook')) };
  }

  test('a lost secret, a failed latest delivery and one that gets nowhere are told', async () => {
    expect(await findings('lost')).toMatchObject({
      exit: 1,
      ofHooks: [{ subject: 'hook acme/main', state: 'error' }],
    });
    expect(await findings('current', delivery('ignored'), delivery('failed'))).toMatchObject({
      exit: 1,
      ofHooks: [{ state: 'error', summary: expect.stringContaining('no such commit') }],
    });
    expect(await findings('current', delivery('fetching'))).toMatchObject({
      exit: 0,
      ofHooks: [{ state: 'warning', summary: expect.stringContaining('has been fetching for') }],
    });
  });

  test('a failure that a later delivery followed, and one that has just begun, are none', async () => {
    const begun = delivery('fetching', new Date().toISOString());
    const result = await findings('current', begun, delivery('published'), delivery('failed'));
    expect(result).toMatchObject({ exit: 0, ofHooks: [{ subject: 'hooks', state: 'ok' }] });
  });
});

describe('doctor on disks', () => {
  test('a disk of the home of npm start with less than is asked for is an error; elsewhere it is not checked', async () => {
    const home = await mkdtemp(join(tmpdir(), 'pointsman-home-'));
    try {
      const api = await serve(healthy());
      await writeFile(join(home, 'api-url'), `${api.url}\n`);
      const { exit, stdout } = await doctor(api, { POINTSMAN_HOME: home }, '--min-free', '999999');
      expect(exit).toBe(1);
      expect(stdout).toMatch(
        /^✗ {2}disk of \S+ +nearly full: soon nothing can be written; .* free .*\n.*du -xsh/,
      );
      const enough = await doctor(api, { POINTSMAN_HOME: home }, '--min-free', '0');
      expect(enough.stdout).toMatch(/[✓!] {2}disk of \S+ +/);
      expect((await doctor(api)).stdout).toMatch(/\? {2}disk +not checked/);
    } finally {
      await rm(home, { recursive: true, force: true });
    }
  });
});
