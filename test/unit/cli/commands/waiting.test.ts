import { afterEach, describe, expect, test } from 'vitest';

import { runCli } from '../../../support/runs/run-cli.ts';
import { publishing, RELEASE, RELEASES } from '../publishing.ts';
import {
  accepted,
  events,
  gate,
  json,
  problem,
  release,
  type Respond,
  scriptedApi,
  type ScriptedApi,
  settled,
} from '../scripted-api.ts';

const bench = publishing();

const stages = (state: 'running' | 'passed') => [
  {
    stage: 'gate',
    state,
    startedAt: '2026-01-01T00:00:00.500Z',
    finishedAt: state === 'running' ? null : '2026-01-01T00:01:00.000Z',
    diagnostics: [],
  },
];
const waits = release({
  stage: 'gate',
  stages: stages('running'),
  gates: [gate(), gate({ gate: 'e2e', kind: 'check', statusText: 'waits for the check "e2e"' })],
});
const halfWay = release({
  stage: 'gate',
  stages: stages('running'),
  gates: [
    gate({ state: 'passed', statusText: 'passed', decisions: [word('old', true), word('alice')] }),
    gate({ gate: 'e2e', kind: 'check', statusText: 'waits for the check "e2e"' }),
  ],
});
const live = settled('published', {
  generation: 3,
  stages: stages('passed'),
  gates: [
    gate({ state: 'passed', statusText: 'passed', decisions: [word('old', true), word('alice')] }),
    gate({ gate: 'e2e', kind: 'check', state: 'passed', statusText: 'passed', decisions: [word('ci')] }),
  ],
});

function word(by: string, isVoid = false): Record<string, unknown> {
  return { by, decision: 'approve', comment: null, url: null, at: '2026-01-01T00:00:30.000Z', void: isVoid };
}

/**
 * Scripts the states of a release, one for each request. The event stream is cut each time, so the command requests
 * the next state.
 */
const views = (...responses: Record<string, unknown>[]) => ({
  [RELEASE]: responses.map((response) => json(response)),
  [`${RELEASE}/events`]: events(': nothing yet\n\n'),
});

describe('"pointsman publish", for a release that waits at a gate,', () => {
  test('prints each change of a gate once, before the end of the gate stage', async () => {
    const { exit, stdout } = await bench.publish(views(waits, waits, halfWay, halfWay, live));
    expect(exit).toBe(0);
    expect(stdout.split('\n').slice(1)).toEqual([
      '  … release waits for 1 of 1 approval by a token with the role approver, until 2026-01-02 00:00:00Z',
      '  … e2e waits for the check "e2e", until 2026-01-02 00:00:00Z',
      '  ✓ release by alice',
      '  ✓ e2e by ci',
      '  ✓ gate     after 1 min',
      'published  acme:bot:v1 is live at generation 3',
      '',
    ]);
  });

  test('prints a gate again when the gate has opened again', async () => {
    const { stdout } = await bench.publish(views(halfWay, waits, live));
    expect(stdout.match(/✓ release/g)).toHaveLength(2);
    expect(stdout.match(/… release/g)).toHaveLength(1);
  });

  test('prints the gate at which the release failed', async () => {
    const statusText = 'rejected by bob at the gate "release": too risky';
    const failed = settled('rejected', {
      reason: statusText,
      stages: [{ ...stages('passed')[0], state: 'failed' }],
      gates: [
        gate({ state: 'failed', statusText }),
        gate({ gate: 'e2e', state: 'closed', statusText: 'closed' }),
      ],
    });
    const { exit, stdout } = await bench.publish(views(waits, failed));
    expect(exit).toBe(3);
    expect(stdout).toContain(`  ✗ release ${statusText}\n  ✗ gate `);
    expect(stdout).not.toContain('e2e closed');
  });

  test('reads the release again when a gate changes', async () => {
    const event = 'id: 7.2\nevent: gate\ndata: {"gate":"release","kind":"approval","change":"passed"}\n\n';
    const { exit } = await bench.publish({
      [RELEASE]: [json(waits), json(live)],
      [`${RELEASE}/events`]: events(event),
    });
    expect(exit).toBe(0);
    expect(bench.seen.filter(({ path }) => RELEASE.endsWith(path))).toHaveLength(2);
  });

  test('resumes a cut event stream after its last event', async () => {
    const event = 'id: 7.12\nevent: gate\ndata: {"gate":"release","change":"said"}\n\n';
    await bench.publish({
      [RELEASE]: [json(waits), json(waits), json(waits), json(live)],
      [`${RELEASE}/events`]: [events(event), events(': nothing\n\n')],
    });
    const asked = bench.seen.filter(({ path }) => path.endsWith('/events'));
    expect(asked[1]?.headers['last-event-id']).toBe('7.12');
  });

  test('prints the open gates below the progress on a terminal', async () => {
    const { stdout } = await bench.publish(views(waits, live), [], { isTTY: true });
    expect(stdout).toContain('… gate: release, e2e');
  });

  test('exits with 10 at its timeout, and prints the open gates', async () => {
    const result = await bench.publish({ [RELEASES]: json(accepted(waits), 202), [RELEASE]: json(waits) }, [
      '--timeout',
      '1s',
    ]);
    expect(result.exit).toBe(10);
    expect(result.stderr).toContain('still in flight after 1.0 s: it waits for release, e2e.\n');
  });

  test('stops retrying its request at its timeout, even when Retry-After is longer', async () => {
    const patience = problem(
      503,
      'unavailable',
      'The control plane did not answer.',
      {},
      { 'retry-after': '29' },
    );
    const startedAt = performance.now();
    const result = await bench.publish({ [RELEASES]: patience }, ['--timeout', '1s']);
    // Without the timeout, the retries would take at least 29 s.
    expect(performance.now() - startedAt).toBeLessThan(25_000);
    expect(result.exit).toBe(11);
    expect(result.stderr).toContain('may have been accepted');
  });

  test('stops waiting for an API response at its timeout', async () => {
    const silent: Respond = () => undefined;
    const result = await bench.publish({ [RELEASES]: silent }, ['--timeout', '1s']);
    expect(result.exit).toBe(11);
    expect(result.stderr).toContain('did not respond in time');
  });

  test('stops waiting at Ctrl-C, and prints how to approve or cancel the release', async () => {
    const interrupt = new AbortController();
    const looked: Respond = (seen, response) => {
      json(waits)(seen, response);
      response.once('finish', () => setImmediate(() => interrupt.abort(new Error('Ctrl-C'))));
    };
    const result = await bench.publish({ [RELEASES]: json(accepted(waits), 202), [RELEASE]: looked }, [], {
      signal: interrupt.signal,
    });
    expect(result.exit).toBe(130);
    expect(result.stderr).toContain('was accepted and continues: it waits for release, e2e.');
    expect(result.stderr).toContain('pointsman approve 1 --tenant acme --bundle bot');
    expect(result.stderr).toContain('pointsman cancel 1 --tenant acme --bundle bot');
    expect(bench.seen.filter(({ path }) => path.endsWith('/cancel'))).toEqual([]);
  });
});

describe('"pointsman status"', () => {
  let api: ScriptedApi | null = null;

  afterEach(async () => {
    await api?.close();
    api = null;
  });

  async function status(args: readonly string[], script: Parameters<typeof scriptedApi>[0]): Promise<string> {
    api = await scriptedApi(script);
    const env = { POINTSMAN_URL: api.url, POINTSMAN_TOKEN: 't', POINTSMAN_TENANT: 'acme' };
    return (await runCli(['status', 'bot', ...args], { env })).stdout;
  }

  const BUNDLE = 'GET /v1/tenants/acme/bundles/bot';

  test('prints the gates of a release and their deadlines', async () => {
    expect(await status(['--release', '1'], { [RELEASE]: json(waits) })).toBe(
      'acme:bot:v1 to live\n' +
        '  … release waits for 1 of 1 approval by a token with the role approver, until 2026-01-02 00:00:00Z\n' +
        '  … e2e waits for the check "e2e", until 2026-01-02 00:00:00Z\n' +
        'acme:bot:v1 is running\n',
    );
  });

  test('prints for a bundle the gates of each release in flight', async () => {
    const script = {
      [`${BUNDLE}/releases`]: json({ items: [release({ version: 2 }), waits], next: null }),
      [`${BUNDLE}/channels`]: json({ items: [], next: null }),
    };
    expect(await status([], script)).toBe(
      'acme/bot\nin flight\n' +
        ' v2  live  running: compile\n' +
        ' v1  live  running: gate     release until 2026-01-02 00:00:00Z\n' +
        '                             e2e until 2026-01-02 00:00:00Z\n',
    );
  });
});
