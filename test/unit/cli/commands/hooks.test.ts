import { afterEach, describe, expect, test } from 'vitest';
import { Webhook } from 'standardwebhooks';

import { type RunCliOptions, runCli } from '../../../support/runs/run-cli.ts';
import { json, problem, scriptedApi, type ScriptedApi } from '../scripted-api.ts';

const HOOK = '/v1/tenants/acme/hooks/main';
const hook = {
  hook: 'main',
  provider: 'github',
  repository: 'octo/bot',
  ref: 'refs/heads/main',
  path: null,
  bundle: 'bot',
  channel: 'live',
  createChannel: false,
  apiUrl: null,
  tokenSet: true,
  sealedUnder: 'current',
  deliverTo: `${HOOK}/deliveries`,
  createdBy: 'ann',
  createdAt: '2026-01-01T00:00:00.000Z',
  updatedBy: 'ann',
  updatedAt: '2026-01-01T00:00:00.000Z',
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
  const env = {
    POINTSMAN_URL: api.url,
    POINTSMAN_TOKEN: 't',
    POINTSMAN_TENANT: 'acme',
    POINTSMAN_BUNDLE: 'bot',
  };
  return runCli(['hooks', ...args], { env, ...options });
}

const RULE = ['--provider', 'github', '--repository', 'octo/bot', '--ref', 'refs/heads/main'];
const sent = () => JSON.parse(String(api?.seen.at(-1)?.body)) as Record<string, unknown>;
const isNew = { [`GET ${HOOK}`]: problem(404, 'not_found', 'none'), [`PUT ${HOOK}`]: json(hook, 201) };
const isThere = { [`GET ${HOOK}`]: json(hook), [`PUT ${HOOK}`]: json(hook) };

describe('"pointsman hooks set"', () => {
  test('creates a secret for a new hook, prints it once, and prints the delivery URL', async () => {
    const { exit, stdout } = await run(['set', 'main', ...RULE], isNew);
    const { secret } = sent();
    expect([exit, secret]).toEqual([0, expect.stringMatching(/^[\w-]{43}$/)]);
    expect(api?.seen.map(({ headers }) => headers.authorization)).toEqual(['Bearer t', 'Bearer t']);
    expect(stdout).toContain(`secret      ${String(secret)}`);
    expect(stdout).toContain(`deliver to  ${api?.url}${HOOK}/deliveries`);
  });

  test('keeps the secret and the token of an existing hook', async () => {
    const { stdout } = await run(
      ['set', 'main', ...RULE, '--path', 'config', '--channel', 'staging'],
      isThere,
    );
    expect(sent()).toEqual({
      provider: 'github',
      repository: 'octo/bot',
      ref: 'refs/heads/main',
      path: 'config',
      bundle: 'bot',
      channel: 'staging',
    });
    expect(stdout).not.toContain('secret');
  });

  test('replaces the secret and the token with values from standard input, so they do not appear on the command line', async () => {
    await run(['set', 'main', ...RULE, '--secret-stdin', '--token-stdin'], isThere, {
      stdin: 'the-secret\nthe-token\n',
    });
    expect(sent()).toMatchObject({ secret: 'the-secret', token: 'the-token' });
  });

  test('removes the token with --drop-token, and creates a new secret with --new-secret', async () => {
    await run(['set', 'main', ...RULE, '--drop-token', '--new-secret'], isThere);
    expect(sent()).toMatchObject({ token: null, secret: expect.stringMatching(/^.{43}$/) });
  });

  test('creates a secret for a generic hook that the Standard Webhooks library accepts', async () => {
    const rule = ['--provider', 'generic', '--repository', 'bot', '--ref', 'refs/heads/main'];
    const { stdout } = await run(['set', 'main', ...rule], isNew);
    const { secret } = sent();
    expect(() => new Webhook(String(secret))).not.toThrow();
    expect(secret).toMatch(/^whsec_/);
    expect(stdout).toContain(String(secret));
  });

  test('warns when a hook has no token for commit statuses', async () => {
    const { stderr } = await run(['set', 'main', ...RULE], {
      ...isThere,
      [`PUT ${HOOK}`]: json({ ...hook, tokenSet: false }),
    });
    expect(stderr).toContain('Without a token');
  });

  test('includes the new secret in its JSON output', async () => {
    const { stdout } = await run(['set', 'main', ...RULE, '--json'], isNew);
    expect(JSON.parse(stdout)).toMatchObject({ hook: 'main', secret: sent()['secret'] });
  });

  test.each([
    ['missing options', ['set', 'main']],
    ['an invalid name', ['set', 'Main', ...RULE]],
    ['two options for the secret', ['set', 'main', ...RULE, '--secret-stdin', '--new-secret']],
    ['an empty standard input', ['set', 'main', ...RULE, '--secret-stdin']],
  ])('exits with 2 for %s, and sends nothing', async (_what, args) => {
    expect((await run(args, isThere)).exit).toBe(2);
    expect(api?.seen).toEqual([]);
  });

  test('names the missing setting when the API has no secret key', async () => {
    const refused = problem(422, 'no_secret_key', 'set POINTSMAN_SECRET_KEY');
    const { exit, stderr } = await run(['set', 'main', ...RULE], { ...isNew, [`PUT ${HOOK}`]: refused });
    expect([exit, stderr]).toEqual([8, expect.stringContaining('POINTSMAN_SECRET_KEY')]);
  });
});

test('"pointsman hooks list", "show" and "delete" print the hook and its problems', async () => {
  const page = { [`GET /v1/tenants/acme/hooks`]: json({ items: [hook], next: null }) };
  expect((await run(['list'], page)).stdout).toBe('main  github  octo/bot  refs/heads/main  bot → live\n');
  await api?.close();
  const shown = await run(['show', 'main'], { [`GET ${HOOK}`]: json({ ...hook, sealedUnder: 'previous' }) });
  expect(shown.stdout).toContain('encrypted with the previous key');
  await api?.close();
  const gone = await run(['delete', 'main'], {
    [`DELETE ${HOOK}`]: (_seen, response) => response.writeHead(204).end(),
  });
  expect([gone.exit, gone.stdout]).toEqual([0, 'deleted  main\n']);
});

test('"pointsman hooks deliveries" prints the state of each delivery without control characters', async () => {
  const delivery = {
    delivery: 'd',
    ref: 'refs/heads/main',
    commit: 'a'.repeat(40),
    receivedAt: '2026-03-01T12:00:00.000Z',
    repository: 'octo/bot',
    subject: null,
    bundle: 'bot',
    channel: 'live',
    updatedAt: '2026-03-01T12:00:00.000Z',
  };
  const items = [
    { ...delivery, state: 'published', version: 12, reason: null },
    { ...delivery, state: 'refused', version: null, reason: 'no\u001b[31m files' },
  ];
  const { stdout } = await run(['deliveries', 'main'], {
    [`GET ${HOOK}/deliveries`]: json({ items, next: null }),
  });
  expect(stdout).toBe(
    [
      '2026-03-01 12:00:00Z  published  refs/heads/main  aaaaaaaaaaaa  v12',
      '2026-03-01 12:00:00Z  refused    refs/heads/main  aaaaaaaaaaaa  no\\u001b[31m files',
      '',
    ].join('\n'),
  );
});
