import { describe, expect, test } from 'vitest';

import { diagnosis, doctor, healthy, page, serve } from './doctoring.ts';
import { json, problem, tenant } from './scripted-api.ts';

const hook = (sealedUnder: string) => ({
  hook: 'main',
  provider: 'github',
  repository: 'acme/bot',
  ref: 'refs/heads/main',
  path: null,
  bundle: 'bot',
  channel: 'live',
  createChannel: false,
  apiUrl: null,
  tokenSet: true,
  sealedUnder,
  deliverTo: '/in',
  createdBy: 'ann',
  createdAt: '2026-01-01T00:00:00.000Z',
  updatedBy: 'ann',
  updatedAt: '2026-01-01T00:00:00.000Z',
});
const delivery = (state: string, at = '2026-01-01T00:00:00.000Z') => ({
  delivery: `d-${state}`,
  state,
  repository: 'acme/bot',
  ref: 'refs/heads/main',
  commit: null,
  subject: null,
  bundle: 'bot',
  channel: 'live',
  version: null,
  reason: state === 'failed' ? 'no such commit' : null,
  receivedAt: at,
  updatedAt: at,
});

describe('the sink check of "pointsman doctor"', () => {
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
    previousSecretUntil: null,
    sealedUnder: 'current',
    createdBy: 'ann',
    createdAt: '2026-01-01T00:00:00.000Z',
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
  ])('reports a sink that is %s, with the command that repairs it', async (_name, more, state, action) => {
    const api = await serve({ ...healthy(), 'GET /v1/tenants/acme/sinks': page(sink(more)) });
    const { exit, findings } = await diagnosis(api);
    expect(exit).toBe(state === 'error' ? 1 : 0);
    const [first] = findings;
    expect(first).toMatchObject({ subject: 'sink acme/audit', state });
    expect(first?.actions.join('\n')).toContain(action);
  });

  test('reports a broker that fails for several tenants once, with the names of the tenants', async () => {
    const redis = page(sink({ ...failing(90), sink: 'redis', kind: 'redis', url: null }));
    const api = await serve({
      ...healthy(),
      'GET /v1/tenants': page(tenant('acme'), tenant('globex')),
      'GET /v1/tenants/acme/sinks': redis,
      'GET /v1/tenants/globex/sinks': redis,
      'GET /v1/tenants/globex/hooks': page(),
      'GET /v1/tenants/globex/releases': page(),
    });
    const { exit, stdout } = await doctor(api);
    expect(exit).toBe(1);
    expect(stdout).toMatch(
      /^✗ {2}sink redis +5 failed attempts since .*: answered 503 \(2 tenants: acme, globex\)\n/,
    );
    expect(stdout.match(/✗/g)).toHaveLength(1);
  });
});

describe('the hook check of "pointsman doctor"', () => {
  async function findings(sealedUnder: string, ...deliveries: unknown[]) {
    const api = await serve({
      ...healthy(),
      'GET /v1/tenants/acme/hooks': page(hook(sealedUnder)),
      'GET /v1/tenants/acme/hooks/main/deliveries': page(...deliveries),
    });
    const { exit, findings: all } = await diagnosis(api);
    return { exit, ofHooks: all.filter(({ subject }) => subject.startsWith('hook')) };
  }

  test('reports a hook with a lost secret, with a failed latest delivery, or with a stuck delivery', async () => {
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

  test('does not report a failed delivery before a later delivery, or a delivery that has just begun', async () => {
    const begun = delivery('fetching', new Date().toISOString());
    const result = await findings('current', begun, delivery('published'), delivery('failed'));
    expect(result).toMatchObject({ exit: 0, ofHooks: [{ subject: 'hooks', state: 'ok' }] });
  });
});

describe('the check of long lists by "pointsman doctor"', () => {
  const world = (next: string | null) => ({
    ...healthy(),
    'GET /v1/tenants/acme/hooks': page(hook('current')),
    'GET /v1/tenants/acme/hooks/main/deliveries': json({
      items: Array.from({ length: 1_000 }, (_, nth) => ({
        ...delivery(nth === 999 ? 'fetching' : 'ignored'),
        delivery: `d-${nth}`,
      })),
      next,
    }),
  });

  test('finds a stuck delivery behind 999 newer deliveries', async () => {
    const { findings } = await diagnosis(await serve(world(null)));
    expect(findings[0]).toMatchObject({
      subject: 'hook acme/main',
      state: 'warning',
      summary: expect.stringContaining('d-999 has been fetching for'),
    });
    expect(findings.filter(({ subject }) => subject === 'deliveries')).toEqual([]);
  });

  test('reports how many deliveries of a hook it has checked when the hook has more', async () => {
    const { exit, findings } = await diagnosis(await serve(world('more')));
    expect(exit).toBe(0);
    expect(findings).toContainEqual({
      subject: 'deliveries',
      state: 'unknown',
      summary: 'only the newest 1000 deliveries of 1 hook were checked',
      actions: [],
    });
  });

  test('warns when there are more tenants than it has checked, and reports how many it has checked', async () => {
    const more = json({ items: [tenant('acme')], next: 'more' });
    const { exit, findings, warnings } = await diagnosis(
      await serve({ ...healthy(), 'GET /v1/tenants': more }),
    );
    expect([exit, warnings]).toEqual([0, 1]);
    expect(findings[0]).toMatchObject({
      subject: 'tenants',
      state: 'warning',
      summary: expect.stringMatching(/^only the first 20 tenants were checked/),
    });
  });

  test('reports an error when the list of tenants cannot be read', async () => {
    const api = await serve({
      ...healthy(),
      'GET /v1/tenants': [page(tenant('acme')), problem(403, 'forbidden', 'not for you')],
    });
    const { exit, findings } = await diagnosis(api);
    expect([exit, findings[0]]).toMatchObject([
      1,
      { subject: 'tenants', state: 'error', summary: 'not for you' },
    ]);
  });
});
