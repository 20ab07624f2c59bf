import { afterEach, describe, expect, test } from 'vitest';

import { runCli, type RunCliOptions } from '../../support/run-cli.ts';
import { DIGEST, gate, json, problem, scriptedApi, type ScriptedApi } from './scripted-api.ts';

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

describe('check report', () => {
  const REPORT = `POST ${BUNDLE}/releases/3/checks/e2e`;

  test.each(['success', 'failure'])('says %s under the check’s name', async (conclusion) => {
    const state = conclusion === 'success' ? 'passed' : 'failed';
    const script = { [REPORT]: json({ gate: 'e2e', state, said: 1, needed: 1, replayed: false }, 201) };
    const more = ['--summary', '212 passed', '--result-url', 'https://ci.example/1', '--digest', DIGEST];
    const result = await run(['check', 'report', 'e2e', 'v3', `--${conclusion}`, ...more], script);
    expect(result).toMatchObject({
      exit: 0,
      stdout: `${conclusion}  acme:bot:v3 at "e2e", which has ${state}\n`,
    });
    expect(JSON.parse(String(api?.seen[0]?.body))).toEqual({
      conclusion,
      summary: '212 passed',
      url: 'https://ci.example/1',
      digest: DIGEST,
    });
    expect(api?.seen).toHaveLength(1);
  });

  test('that may have been heard although nobody said so names the key under which to repeat it, and is repeated under it', async () => {
    const down = problem(503, 'unavailable', 'a store is down');
    const lost = await run(['check', 'report', 'e2e', 'v3', '--success'], { [REPORT]: down });
    const key = String(api?.seen[0]?.headers['idempotency-key']);
    expect(lost.exit).toBe(11);
    expect(lost.stderr).toContain(`--idempotency-key ${key}`);
    await api?.close();
    const heard = json({ gate: 'e2e', state: 'passed', said: 1, needed: 1, replayed: true }, 201);
    const again = ['check', 'report', 'e2e', 'v3', '--success', '--idempotency-key', key];
    expect((await run(again, { [REPORT]: heard })).exit).toBe(0);
    expect(api?.seen[0]?.headers['idempotency-key']).toBe(key);
  });

  test.each([[[]], [['--success', '--failure']], [['--success', '--digest', 'latest']]])(
    'with %j is refused with 2, and nothing is sent',
    async (options) => {
      expect((await run(['check', 'report', 'e2e', '3', ...options])).exit).toBe(2);
      expect(api?.seen).toEqual([]);
    },
  );
});

describe('pending', () => {
  const GATES = 'GET /v1/tenants/acme/gates';
  const items = [
    { ...gate(), bundle: 'bot', version: 3, channel: 'live' },
    {
      ...gate({ gate: 'night', kind: 'window', says: 'waits for a time\u001b[2J', deadlineAt: null }),
      bundle: 'bot',
      version: 3,
      channel: 'live',
    },
  ];

  test('lines up in a pipe, with moments that are the same for everybody, and steers no terminal', async () => {
    const result = await run(['pending'], { [GATES]: json({ items, next: null }) });
    expect(result).toMatchObject({ exit: 0, stderr: '' });
    expect(result.stdout.split('\n')).toEqual([
      'acme:bot:v3  live  release  waits for 1 of 1 approval by a token with the role approver  until 2026-01-02 00:00:00Z',
      'acme:bot:v3  live  night    waits for a time\\u001b[2J',
      '',
    ]);
    expect(api?.seen[0]?.query.get('state')).toBe('open');
  });

  test('at a terminal tells how long there is left, by the clock on the wall', async () => {
    const soon = new Date(Date.now() + 3.5 * 3_600_000).toISOString();
    const one = [{ ...items[0], deadlineAt: soon }];
    const { stdout } = await run(['pending'], { [GATES]: json({ items: one, next: null }) }, { isTTY: true });
    expect(stdout).toMatch(/for [34] h more, until \d{1,2} \w+ \d{4}, \d{2}:\d{2}/);
  });

  test('exits with 0 when nothing waits, and prints all as JSON', async () => {
    expect(await run(['pending'], { [GATES]: json({ items: [], next: null }) })).toMatchObject({
      exit: 0,
      stdout: '',
      stderr: 'Nothing waits.\n',
    });
    await api?.close();
    const { stdout } = await run(['pending', '--json'], { [GATES]: json({ items, next: null }) });
    expect((JSON.parse(stdout) as { items: unknown[] }).items).toHaveLength(2);
  });
});
