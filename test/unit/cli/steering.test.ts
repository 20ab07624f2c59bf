import { afterEach, describe, expect, test } from 'vitest';

import { runCli } from '../../support/run-cli.ts';
import {
  json,
  move,
  pointer,
  problem,
  release,
  scriptedApi,
  settled,
  type ScriptedApi,
} from './scripted-api.ts';

const CHANNEL = '/v1/tenants/acme/bundles/bot/channels/live';
const RELEASES = '/v1/tenants/acme/bundles/bot/releases';

let api: ScriptedApi | null = null;

afterEach(async () => {
  await api?.close();
  api = null;
});

async function run(args: readonly string[], script: Parameters<typeof scriptedApi>[0] = {}) {
  api = await scriptedApi(script);
  const env = {
    POINTSMAN_URL: api.url,
    POINTSMAN_TOKEN: 't',
    POINTSMAN_TENANT: 'acme',
    POINTSMAN_BUNDLE: 'bot',
  };
  return runCli(args, { env });
}

describe('rollback', () => {
  test('goes to the version before, only from where it saw the pointer, and can hold it there', async () => {
    const result = await run(['rollback', '--hold', 'v2 is rude'], {
      [`GET ${CHANNEL}`]: json(pointer()),
      [`GET ${CHANNEL}/moves`]: json({ items: [move(2, 1, 2), move(1, null, 1)], next: null }),
      [`PUT ${CHANNEL}`]: json(
        pointer({ version: 1, generation: 3, hold: { reason: 'v2 is rude', by: 'ann', at: '' } }),
      ),
    });
    expect(result.exit).toBe(0);
    expect(result.stdout).toBe('rolled back  v2 → v1 at generation 3, held: v2 is rude\n');
    const put = api?.seen.at(-1);
    expect(put?.headers['if-match']).toBe('"2"');
    expect(JSON.parse(String(put?.body))).toEqual({ version: 1, hold: 'v2 is rude' });
  });

  test('takes no notice of a move that came after its look, so that the guard refuses', async () => {
    const result = await run(['rollback'], {
      [`GET ${CHANNEL}`]: json(pointer()),
      [`GET ${CHANNEL}/moves`]: json({ items: [move(3, 2, 3), move(2, 1, 2), move(1, null, 1)], next: null }),
      [`PUT ${CHANNEL}`]: problem(412, 'pointer_moved', 'it is at generation 3'),
    });
    expect(result.exit).toBe(8);
    expect(JSON.parse(String(api?.seen.at(-1)?.body))).toEqual({ version: 1 });
  });

  test('without a version before it moves nothing', async () => {
    const result = await run(['rollback'], {
      [`GET ${CHANNEL}`]: json(pointer({ version: 1, generation: 1 })),
      [`GET ${CHANNEL}/moves`]: json({ items: [move(1, null, 1)], next: null }),
    });
    expect(result.exit).toBe(8);
    expect(api?.seen.map(({ method }) => method)).toEqual(['GET', 'GET']);
  });

  test('reads the history over as many pages as it has', async () => {
    const result = await run(['rollback', '--json'], {
      [`GET ${CHANNEL}`]: json(pointer({ version: 3, generation: 4 })),
      [`GET ${CHANNEL}/moves`]: [
        json({ items: [move(4, 2, 3), move(3, 3, 2)], next: 'more' }),
        json({ items: [move(2, 1, 3), move(1, null, 1)], next: null }),
      ],
      [`PUT ${CHANNEL}`]: json(pointer({ version: 1, generation: 5 })),
    });
    expect(JSON.parse(result.stdout)).toMatchObject({ version: 1, generation: 5 });
    expect(api?.seen[2]?.query.get('cursor')).toBe('more');
    expect(JSON.parse(String(api?.seen.at(-1)?.body))).toEqual({ version: 1 });
  });
});

describe('steering', () => {
  test('promote moves the named channel', async () => {
    const result = await run(['promote', 'v3', '--channel', 'staging', '--if-generation', '7'], {
      'PUT /v1/tenants/acme/bundles/bot/channels/staging': json(pointer({ version: 3, generation: 8 })),
    });
    expect(result).toMatchObject({ exit: 0, stdout: 'promoted  staging is v3 at generation 8\n' });
    expect(api?.seen[0]?.headers['if-match']).toBe('"7"');
  });

  test('hold and --lift are the two calls of the contract', async () => {
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

  test('cancel says that it was asked for, and 8 when the release has its last word', async () => {
    const path = `POST ${RELEASES}/1/cancel`;
    expect(await run(['cancel', '1'], { [path]: json(release(), 202) })).toMatchObject({
      exit: 0,
      stdout: 'cancelling  acme:bot:v1\n',
    });
    await api?.close();
    const late = problem(409, 'already_settled', 'it is published', { outcome: 'published' });
    expect((await run(['cancel', '1'], { [path]: late })).exit).toBe(8);
  });

  test('watch --json prints every view as a line, and exits with the outcome', async () => {
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

describe('a release by its whole name', () => {
  const OTHER = '/v1/tenants/other/bundles/app/releases/7';

  test.each([
    ['cancel', ['cancel', 'other:app:v7'], `POST ${OTHER}/cancel`],
    ['watch', ['watch', 'other/app/v7'], `GET ${OTHER}`],
    ['status', ['status', '--release', 'other:app:v7'], `GET ${OTHER}`],
    ['diff', ['diff', 'other:app:v7', 'v7'], `GET ${OTHER}`],
  ])('is enough for %s, whatever the environment names', async (_, args, first) => {
    await run(args);
    expect(`${api?.seen[0]?.method} ${api?.seen[0]?.path}`).toBe(first);
  });

  test('is told from a bundle by status, which says how to ask for it', async () => {
    const { exit, stderr } = await run(['status', 'acme:bot:v1']);
    expect(exit).toBe(2);
    expect(stderr).toContain('pointsman status --release acme:bot:v1');
    expect((await run(['status', 'v1'])).stderr).toContain('pointsman status --release v1');
  });

  test('of two bundles is nothing to compare', async () => {
    expect((await run(['diff', 'acme:bot:v1', 'acme:app:v2'])).stderr).toContain('of one bundle');
  });
});

describe('what was meant', () => {
  test.each([
    [['hold', 'why'], '--reason'],
    [['rollback', '7'], '--to'],
    [['diff', 'a', 'b'], "'before'"],
    [['cancel', 'x'], '"pointsman cancel --help"'],
  ])('%o is said', async (args, hint) => {
    const { exit, stderr } = await run(args);
    expect(exit).toBe(2);
    expect(stderr).toContain(hint);
  });

  test('a hold that is not there is not called lifted', async () => {
    const { exit, stdout } = await run(['hold', '--lift'], {
      [`GET ${CHANNEL}`]: json(pointer()),
      [`DELETE ${CHANNEL}/hold`]: json(pointer()),
    });
    expect([exit, stdout]).toEqual([0, 'was not held  live is v2 at generation 2\n']);
  });
});
