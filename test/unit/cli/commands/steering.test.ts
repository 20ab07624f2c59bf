import { afterEach, describe, expect, test } from 'vitest';

import { runCli, type RunCliOptions } from '../../../support/runs/run-cli.ts';
import {
  DIGEST,
  json,
  move,
  pointer,
  problem,
  release,
  scriptedApi,
  settled,
  type ScriptedApi,
  manifest,
} from '../scripted-api.ts';

const CHANNEL = '/v1/tenants/acme/bundles/bot/channels/live';
const RELEASES = '/v1/tenants/acme/bundles/bot/releases';

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

describe('"pointsman rollback"', () => {
  const LIVE = `sha256:${'b'.repeat(64)}`;
  /** v2 is live at generation 2, and v1 was live before. One file differs. */
  const seen = (more: Readonly<Record<string, unknown>> = {}) => ({
    [`GET ${CHANNEL}/rollback`]: json({
      pointer: pointer({ digest: LIVE, ...more }),
      move: move(1, null, 1),
    }),
    [`GET /v1/tenants/acme/artifacts/${LIVE}`]: manifest([['a', '1']]),
    [`GET /v1/tenants/acme/artifacts/${DIGEST}`]: manifest([['a', '2']]),
    [`PUT ${CHANNEL}`]: json(
      pointer({ version: 1, generation: 3, hold: { reason: 'why', by: 'ann', at: '' } }),
    ),
  });
  const sent = (): unknown => {
    const put = api?.seen.find(({ method }) => method === 'PUT');
    return put === undefined ? null : JSON.parse(String(put.body));
  };

  test('prints the changes, asks for a confirmation, and moves the pointer only from the generation that it has shown', async () => {
    const result = await run(['rollback', '--hold', 'v2 is rude'], seen(), { answers: ['y'] });
    expect(result).toMatchObject({ exit: 0, stderr: '', asked: ['Roll live back to v1? [y/N] '] });
    expect(result.stdout.split('\n')).toEqual([
      '  live is   v2  sha256:bbbbbbbbbbbb  at generation 2',
      '  would be  v1  sha256:aaaaaaaaaaaa  as at generation 1',
      '  1 file changed, 0 added, 0 removed ("pointsman diff 2 1" shows them)',
      'rolled back  v2 → v1 at generation 3, held: why',
      '',
    ]);
    expect(api?.seen.at(-1)?.headers['if-match']).toBe('"2"');
    expect(sent()).toEqual({ restores: 1, hold: 'v2 is rude' });
  });

  test('does not move the pointer without a confirmation', async () => {
    const result = await run(['rollback'], seen(), { answers: ['n'] });
    expect(result.exit).toBe(130);
    expect(sent()).toBeNull();
  });

  test('requires --yes when it cannot ask for a confirmation', async () => {
    expect((await run(['rollback'], seen())).exit).toBe(2);
    expect(api?.seen).toEqual([]);
  });

  test('sets a hold on the pointer by default, and keeps an existing hold', async () => {
    await run(['rollback', '--yes'], seen());
    expect(sent()).toEqual({ restores: 1, hold: 'rolled back from v2' });
    await api?.close();
    await run(['rollback', '--yes', '--no-hold'], seen());
    expect(sent()).toEqual({ restores: 1 });
    await api?.close();
    await run(['rollback', '--yes'], seen({ hold: { reason: 'incident', by: 'ann', at: '' } }));
    expect(sent()).toEqual({ restores: 1 });
  });

  test('goes back to the version that --to names', async () => {
    await run(['rollback', '--yes', '--to', '1'], seen());
    expect(api?.seen[0]?.query.get('version')).toBe('1');
  });

  test('does not undo a move of the pointer that came after the printed comparison', async () => {
    const script = { ...seen(), [`PUT ${CHANNEL}`]: problem(412, 'pointer_moved', 'it is at generation 3') };
    expect((await run(['rollback', '--yes'], script)).exit).toBe(8);
  });

  test('does not move the pointer when there is no earlier release, and suggests "pointsman promote"', async () => {
    const result = await run(['rollback', '--yes'], {
      [`GET ${CHANNEL}/rollback`]: problem(409, 'nothing_before', 'v1 is the first'),
    });
    expect(result.exit).toBe(8);
    expect(result.stderr).toContain('pointsman promote');
  });
});

describe('the command', () => {
  test('"promote" moves the pointer of the named channel', async () => {
    const result = await run(['promote', 'v3', '--channel', 'staging', '--if-generation', '7'], {
      'PUT /v1/tenants/acme/bundles/bot/channels/staging': json(pointer({ version: 3, generation: 8 })),
    });
    expect(result).toMatchObject({ exit: 0, stdout: 'promoted  staging is v3 at generation 8\n' });
    expect(api?.seen[0]?.headers['if-match']).toBe('"7"');
  });

  test.each([
    ['publish', ['publish', 'examples/support-bot', '--channel', 'lvie'], `POST ${RELEASES}`],
    ['promote', ['promote', '3', '--channel', 'lvie'], 'PUT /v1/tenants/acme/bundles/bot/channels/lvie'],
  ])(
    '"%s" prints the similar name for a misspelt channel, and the option that creates a channel',
    async (_, args, call) => {
      const detail = '"bot" has no channel "lvie". It has: live. Did you mean "live"?';
      const { exit, stderr } = await run(args, { [call]: problem(404, 'unknown_channel', detail) });
      expect(exit).toBe(12);
      expect(stderr).toContain('Did you mean "live"?');
      expect(stderr).toContain('--create-channel');
    },
  );

  test('"promote --create-channel" asks the API to create the new channel', async () => {
    await run(['promote', '3', '--channel', 'staging', '--create-channel'], {
      'PUT /v1/tenants/acme/bundles/bot/channels/staging': json(pointer({ version: 3, generation: 1 })),
    });
    expect(JSON.parse(String(api?.seen[0]?.body))).toEqual({ version: 3, createChannel: true });
  });

  test('"hold" sets a hold on the pointer, and "hold --lift" removes it', async () => {
    const script = {
      [`PUT ${CHANNEL}/hold`]: json(pointer({ hold: { reason: 'freeze', by: 'ann', at: '' } })),
      [`DELETE ${CHANNEL}/hold`]: json(pointer()),
    };
    const held = await run(['hold', '--reason', 'freeze'], script);
    expect(held.stdout).toBe('held  live is v2 at generation 2, held: freeze\n');
    expect(JSON.parse(String(api?.seen[0]?.body))).toEqual({ reason: 'freeze' });
    await api?.close();
    const pinned = pointer({ hold: { reason: 'why', by: 'ann', at: '' } });
    const lifting = { ...script, [`GET ${CHANNEL}`]: json(pinned) };
    expect(await run(['hold', '--lift'], lifting)).toMatchObject({
      exit: 0,
      stdout: expect.stringMatching(/^lifted /),
    });
    expect(api?.seen.at(-1)?.method).toBe('DELETE');
  });

  test('"cancel" reports its request, and exits with 8 when the release has already settled', async () => {
    const path = `POST ${RELEASES}/1/cancel`;
    expect(await run(['cancel', '1'], { [path]: json(release(), 202) })).toMatchObject({
      exit: 0,
      stdout: 'cancelling  acme:bot:v1\n',
    });
    await api?.close();
    const late = problem(409, 'already_settled', 'it is published', { outcome: 'published' });
    expect((await run(['cancel', '1'], { [path]: late })).exit).toBe(8);
  });

  test('"watch --json" prints each change of the release as a line, and exits with the exit code of the outcome', async () => {
    const result = await run(['watch', '1', '--json'], {
      [`GET ${RELEASES}/1`]: [json(release()), json(release()), json(settled('superseded'))],
    });
    expect(result.exit).toBe(5);
    const views = result.stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { status: string });
    expect(views.map(({ status }) => status)).toEqual(['running', 'settled']);
  });
});

describe('the full name of a release', () => {
  const OTHER = '/v1/tenants/other/bundles/app/releases/7';

  test.each([
    ['cancel', ['cancel', 'other:app:v7'], `POST ${OTHER}/cancel`],
    ['watch', ['watch', 'other/app/v7'], `GET ${OTHER}`],
    ['status', ['status', '--release', 'other:app:v7'], `GET ${OTHER}`],
    ['diff', ['diff', 'other:app:v7', 'v7'], `GET ${OTHER}`],
  ])(
    'identifies the release for the command "%s", whatever tenant and bundle the environment names',
    async (_, args, first) => {
      await run(args);
      expect(`${api?.seen[0]?.method} ${api?.seen[0]?.path}`).toBe(first);
    },
  );

  test('is refused by "status", which prints the option for a release', async () => {
    const { exit, stderr } = await run(['status', 'acme:bot:v1']);
    expect(exit).toBe(2);
    expect(stderr).toContain('pointsman status --release acme:bot:v1');
    expect((await run(['status', 'v1'])).stderr).toContain('pointsman status --release v1');
  });

  test('is refused by "diff" together with the full name of a release of another bundle', async () => {
    expect((await run(['diff', 'acme:bot:v1', 'acme:app:v2'])).stderr).toContain('the same bundle');
  });
});

describe('a hint about a mistake', () => {
  test.each([
    [['hold', 'why'], '--reason'],
    [['rollback', '7'], '--to'],
    [['diff', 'a', 'b'], "'before'"],
    [['cancel', 'x'], 'For all options: pointsman cancel --help'],
  ])('is printed for the arguments %o', async (args, hint) => {
    const { exit, stderr } = await run(args);
    expect(exit).toBe(2);
    expect(stderr).toContain(hint);
  });

  test('is printed by "hold --lift" when the pointer was not held', async () => {
    const { exit, stdout } = await run(['hold', '--lift'], {
      [`GET ${CHANNEL}`]: json(pointer()),
      [`DELETE ${CHANNEL}/hold`]: json(pointer()),
    });
    expect([exit, stdout]).toEqual([0, 'was not held  live is v2 at generation 2\n']);
  });
});
