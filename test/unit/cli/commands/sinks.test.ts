import { afterEach, describe, expect, test } from 'vitest';

import { type RunCliOptions, runCli } from '../../../support/runs/run-cli.ts';
import { json, problem, scriptedApi, type ScriptedApi } from '../scripted-api.ts';

const SINKS = '/v1/tenants/acme/sinks';
const AUDIT = `${SINKS}/audit`;

const sink = {
  sink: 'audit',
  kind: 'webhook',
  url: 'https://hooks.example/moves',
  state: 'active',
  cursor: 'acme:17',
  lag: 0,
  deliveredAt: '2026-03-01T12:00:00.123Z',
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
  createdAt: '2026-03-01T11:00:00.000Z',
};
const failing = {
  ...sink,
  state: 'failing',
  lag: 3,
  failures: 2,
  failingSince: '2026-03-01T12:00:01.000Z',
  retryAt: '2026-03-01T12:00:05.000Z',
  lastError: 'hooks.example answered 500',
};

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
  const env = { POINTSMAN_URL: api.url, POINTSMAN_TOKEN: 't', POINTSMAN_TENANT: 'acme' };
  return runCli(['sinks', ...args], { env, ...options });
}

const sent = () => JSON.parse(String(api?.seen.at(-1)?.body)) as Record<string, unknown>;
const isNew = { [`GET ${AUDIT}`]: problem(404, 'not_found', 'none'), [`PUT ${AUDIT}`]: json(sink, 201) };
const isThere = { [`GET ${AUDIT}`]: json(sink), [`PUT ${AUDIT}`]: json(sink) };
const ADD = ['add', 'audit', 'https://hooks.example/moves'];

describe('"pointsman sinks add"', () => {
  test('creates a secret for a new webhook, in the form of Standard Webhooks, and prints it once', async () => {
    const { exit, stdout } = await run(ADD, isNew);
    const { webhook } = sent() as { webhook: { url: string; secret: string } };
    expect(exit).toBe(0);
    expect(webhook.url).toBe('https://hooks.example/moves');
    expect(Buffer.from(webhook.secret.replace(/^whsec_/, ''), 'base64')).toHaveLength(32);
    expect(stdout).toContain(`secret  ${webhook.secret}`);
  });

  test('keeps the secret of an existing webhook', async () => {
    const { stdout } = await run(ADD, isThere);
    expect(sent()).toEqual({ webhook: { url: 'https://hooks.example/moves' } });
    expect(stdout).toBe('set  audit: https://hooks.example/moves\n');
  });

  test('accepts a secret from standard input, and does not print it', async () => {
    const { stdout } = await run([...ADD, '--secret-stdin'], isNew, { stdin: 'whsec_c2VjcmV0\n' });
    expect(sent()).toMatchObject({ webhook: { secret: 'whsec_c2VjcmV0' } });
    expect(stdout).not.toContain('whsec_');
  });

  test('includes the new secret in its JSON output', async () => {
    const { stdout } = await run([...ADD, '--json'], isNew);
    const { webhook } = sent() as { webhook: { secret: string } };
    expect(JSON.parse(stdout)).toMatchObject({ sink: 'audit', secret: webhook.secret });
  });
});

test.each([
  [['add', 'audit']],
  [['add', 'Audit', 'https://x']],
  [[...ADD, '--secret-stdin']],
  [['pause']],
  [['pause', 'audit', '--reason', ' ']],
  [['replay', 'audit']],
  [['replay', 'audit', '--after', 'soon']],
  [['redeliver', 'audit', '0']],
])('the "pointsman sinks" arguments %j give the exit code 2, and nothing is sent', async (args) => {
  expect((await run(args, isThere)).exit).toBe(2);
  expect(api?.seen).toEqual([]);
});

test('"pointsman sinks rotate" sends a new secret and prints it, and reports that the old secret still signs messages', async () => {
  const { exit, stdout, stderr } = await run(['rotate', 'audit'], {
    [`POST ${AUDIT}/rotate`]: json({ ...sink, secret: null }),
  });
  const { secret } = sent();
  expect([exit, secret]).toEqual([0, expect.stringMatching(/^whsec_[A-Za-z0-9+/]{43}=$/)]);
  expect(stdout).toContain(String(secret));
  expect(stderr).toContain('also signs');
});

test('"pointsman sinks list" and "show" print the lag of a sink and the cause of the lag, without control characters', async () => {
  const paused = {
    ...sink,
    sink: 'old',
    state: 'paused',
    lag: 1,
    pausedBy: 'ann',
    pausedAt: '2026-03-01T12:00:00.000Z',
    pauseReason: 'moves\u001b[31m away',
  };
  const { stdout } = await run(['list'], {
    [`GET ${SINKS}`]: json({ items: [sink, failing, paused], next: null }),
  });
  expect(stdout.split('\n')).toEqual([
    'audit  webhook  active   up to date      https://hooks.example/moves',
    'audit  webhook  failing  3 moves behind  2 failed attempts since 2026-03-01 12:00:01Z, next attempt at 2026-03-01 12:00:05Z: hooks.example answered 500',
    'old    webhook  paused   1 move behind   paused by ann at 2026-03-01 12:00:00Z: moves\\u001b[31m away',
    '',
  ]);
  await api?.close();
  const shown = await run(['show', 'audit'], { [`GET ${AUDIT}`]: json(failing) });
  expect(shown.stdout).toMatch(/^cursor +acme:17$/m);
  expect(shown.stdout).toMatch(/^lag +3 moves behind$/m);
});

test.each([
  [
    ['pause', 'audit', '--reason', 'deploy'],
    'pause',
    { reason: 'deploy' },
    'paused  audit: 3 moves to deliver\n',
  ],
  [['resume', 'audit'], 'resume', {}, 'resumed  audit: 3 moves to deliver\n'],
  [
    ['replay', 'audit', '--after', '4'],
    'replay',
    { after: 'acme:4' },
    'replaying  audit: 3 moves to deliver\n',
  ],
  [
    ['replay', 'audit', '--after', 'acme:4'],
    'replay',
    { after: 'acme:4' },
    'replaying  audit: 3 moves to deliver\n',
  ],
])(
  '"pointsman sinks" with the arguments %j sends one request, and prints the number of remaining moves',
  async (args, address, body, words) => {
    const { exit, stdout } = await run(args, { [`POST ${AUDIT}/${address}`]: json(failing) });
    expect([exit, stdout, sent()]).toEqual([0, words, body]);
    expect(api?.seen[0]?.headers['idempotency-key']).toMatch(/^[0-9a-f-]{36}$/);
  },
);

test('"pointsman sinks redeliver" and "test" exit with 0 only when the event was accepted', async () => {
  const taken = { sent: true, event: 'acme:bot:live:17', reason: null };
  const ok = await run(['redeliver', 'audit', '17'], { [`POST ${AUDIT}/redeliver`]: json(taken) });
  expect([ok.exit, ok.stdout, sent()]).toEqual([0, 'sent  acme:bot:live:17\n', { seq: 17 }]);
  await api?.close();
  const refused = { sent: false, event: 'e', reason: 'hooks.example answered 404' };
  const no = await run(['test', 'audit'], { [`POST ${AUDIT}/test`]: json(refused) });
  expect([no.exit, no.stdout]).toEqual([4, 'not sent  e: hooks.example answered 404\n']);
});

test('"pointsman sinks attempts" prints the result of each delivery attempt', async () => {
  const attempt = {
    event: 'acme:bot:live:17',
    seq: 17,
    status: 500,
    summary: 'hooks.example answered 500',
    tookMs: 12,
    at: '2026-03-01T12:00:00.000Z',
  };
  const items = [
    { ...attempt, delivered: true, status: 204, summary: 'hooks.example answered 204' },
    { ...attempt, delivered: false },
  ];
  const { stdout } = await run(['attempts', 'audit'], {
    [`GET ${AUDIT}/attempts`]: json({ items, next: null }),
  });
  expect(stdout.split('\n').slice(0, 2)).toEqual([
    '2026-03-01 12:00:00Z  acme:bot:live:17  delivered  12 ms  hooks.example answered 204',
    '2026-03-01 12:00:00Z  acme:bot:live:17  failed     12 ms  hooks.example answered 500',
  ]);
});

test('"pointsman sinks delete" deletes a webhook', async () => {
  const gone = await run(['delete', 'audit'], {
    [`DELETE ${AUDIT}`]: (_seen, response) => response.writeHead(204).end(),
  });
  expect([gone.exit, gone.stdout]).toEqual([0, 'deleted  audit\n']);
});
