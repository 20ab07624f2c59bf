import { afterEach, describe, expect, test } from 'vitest';

import { runCli, type RunCliOptions } from '../../../support/runs/run-cli.ts';
import { DIGEST, json, problem, release, scriptedApi, type ScriptedApi } from '../scripted-api.ts';

const BUNDLE = '/v1/tenants/acme/bundles/bot';

let api: ScriptedApi | null = null;

afterEach(async () => {
  await api?.close();
  api = null;
});

async function run(
  args: readonly string[],
  script: Parameters<typeof scriptedApi>[0] = {},
  options: RunCliOptions = {},
) {
  api = await scriptedApi(script);
  const env = {
    POINTSMAN_URL: api.url,
    POINTSMAN_TOKEN: 't',
    POINTSMAN_TENANT: 'acme',
    POINTSMAN_BUNDLE: 'bot',
  };
  return runCli(args, { env, ...options });
}

describe('"pointsman check report"', () => {
  const REPORT = `POST ${BUNDLE}/releases/3/checks/e2e`;

  test.each(['success', 'failure'])('reports %s under the name of the check', async (conclusion) => {
    const state = conclusion === 'success' ? 'passed' : 'failed';
    const script = { [REPORT]: json({ gate: 'e2e', state, decisions: 1, needed: 1, replayed: false }, 201) };
    const more = ['--summary', '212 passed', '--result-url', 'https://ci.example/1', '--digest', DIGEST];
    const result = await run(['check', 'report', 'e2e', 'v3', `--${conclusion}`, ...more], script);
    expect(result).toMatchObject({
      exit: 0,
      stdout: `${conclusion}  acme:bot:v3 at "e2e": ${state}\n`,
    });
    expect(JSON.parse(String(api?.seen[0]?.body))).toEqual({
      conclusion,
      summary: '212 passed',
      url: 'https://ci.example/1',
      digest: DIGEST,
    });
    expect(api?.seen).toHaveLength(1);
  });

  test('prints the idempotency key that repeats a report that got no response', async () => {
    const down = problem(503, 'unavailable', 'a store is down');
    const lost = await run(['check', 'report', 'e2e', 'v3', '--success'], { [REPORT]: down });
    const key = String(api?.seen[0]?.headers['idempotency-key']);
    expect(lost.exit).toBe(11);
    expect(lost.stderr).toContain(`--idempotency-key ${key}`);
    await api?.close();
    const heard = json({ gate: 'e2e', state: 'passed', decisions: 1, needed: 1, replayed: true }, 201);
    const again = ['check', 'report', 'e2e', 'v3', '--success', '--idempotency-key', key];
    expect((await run(again, { [REPORT]: heard })).exit).toBe(0);
    expect(api?.seen[0]?.headers['idempotency-key']).toBe(key);
  });

  test.each([[[]], [['--success', '--failure']], [['--success', '--digest', 'latest']]])(
    'exits with 2 for the options %j, and sends nothing',
    async (options) => {
      expect((await run(['check', 'report', 'e2e', '3', ...options])).exit).toBe(2);
      expect(api?.seen).toEqual([]);
    },
  );
});

describe('"pointsman pending"', () => {
  const IN_FLIGHT = 'GET /v1/tenants/acme/releases';
  const approval = {
    kind: 'approval',
    name: 'release',
    text: 'waits for 1 of 1 approval by a token with the role approver',
    until: '2026-01-02T00:00:00.000Z',
  };
  const night = { kind: 'window', name: 'night', text: 'waits for a time\u001b[2J', until: null };
  const sink = { kind: 'sink', name: null, text: 'waits for the sink "audit": it answers 503', until: null };
  const front = { kind: 'release', name: 'v3', text: 'waits in line behind v3', until: null };
  const items = [
    release({ version: 3, status: 'waiting', waitingFor: [approval, night] }),
    release({ version: 4, status: 'queued', stage: null, waitingFor: [front] }),
    release({ version: 5, channel: 'canary', status: 'waiting', waitingFor: [sink] }),
    release({ version: 6, channel: 'beta' }),
  ];

  test('lists in a pipe everything that releases wait for, with absolute times and without control characters', async () => {
    const result = await run(['pending'], { [IN_FLIGHT]: json({ items, next: null }) });
    expect(result).toMatchObject({ exit: 0, stderr: '' });
    expect(result.stdout.split('\n')).toEqual([
      'acme:bot:v3  live    release  waits for 1 of 1 approval by a token with the role approver  until 2026-01-02 00:00:00Z',
      'acme:bot:v3  live    night    waits for a time\\u001b[2J',
      'acme:bot:v4  live    v3       waits in line behind v3',
      'acme:bot:v5  canary  sink     waits for the sink "audit": it answers 503',
      '',
    ]);
  });

  test('prints the remaining time and the local time on a terminal', async () => {
    const until = new Date(Date.now() + 3.5 * 3_600_000).toISOString();
    const one = [release({ status: 'waiting', waitingFor: [{ ...approval, until }] })];
    const script = { [IN_FLIGHT]: json({ items: one, next: null }) };
    const { stdout } = await run(['pending'], script, { isTTY: true });
    expect(stdout).toMatch(/for [34] h more, until \d{1,2} \w+ \d{4}, \d{2}:\d{2}/);
  });

  test('exits with 0 when no release waits, and prints waiting releases as JSON with --json', async () => {
    expect(await run(['pending'], { [IN_FLIGHT]: json({ items: [], next: null }) })).toMatchObject({
      exit: 0,
      stdout: '',
      stderr: 'No release is waiting.\n',
    });
    await api?.close();
    const { stdout } = await run(['pending', '--json'], { [IN_FLIGHT]: json({ items, next: null }) });
    expect((JSON.parse(stdout) as { items: unknown[] }).items).toHaveLength(3);
  });
});
