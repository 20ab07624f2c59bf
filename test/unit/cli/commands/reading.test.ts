import { afterEach, describe, expect, test } from 'vitest';

import { runCli } from '../../../support/runs/run-cli.ts';
import {
  json,
  move,
  pointer,
  release,
  scriptedApi,
  settled,
  type Respond,
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
  options: { isTTY?: boolean } = {},
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

describe('the read command', () => {
  test('"history", "releases" or "status" prints aligned columns in a pipe', async () => {
    const list = {
      items: [release({ version: 3 }), settled('rejected', { version: 2, reason: 'no' })],
      next: null,
    };
    const script = {
      [`GET ${RELEASES}`]: json(list),
      'GET /v1/tenants/acme/bundles/bot/channels': json({
        items: [{ channel: 'live', ...pointer() }],
        next: null,
      }),
      [`GET ${CHANNEL}/moves`]: json({ items: [move(2, 1, 2), move(1, null, 1)], next: null }),
    };
    expect((await run(['history'], script)).stdout).toBe(
      '    2  v1 → v2  2026-01-02 03:04:05Z  ann  why\n    1  – → v1   2026-01-02 03:04:05Z  ann  why\n',
    );
    await api?.close();
    expect((await run(['releases'], script)).stdout).toBe(
      'v3  live  running: compile\nv2  live  rejected            no\n',
    );
    await api?.close();
    expect((await run(['status'], script)).stdout).toBe(
      'acme/bot\n live  v2 at generation 2  2026-01-02 03:04:05Z\nin flight\n v3  live  running: compile\n',
    );
  });

  test('"show" prints the exact bytes of a file in a pipe', async () => {
    const result = await run(['show', 'a dir/bot.yaml'], {
      [`GET ${CHANNEL}/files/a%20dir/bot.yaml`]: json({ b: 1, a: 2 }),
    });
    expect(result).toMatchObject({ exit: 0, stdout: '{"b":1,"a":2}' });
  });

  describe('"show", for a published file with control characters,', () => {
    const hostile = 'title: \u001b]0;owned\u0007 \u009b2J \u202eevil\r\nnext\tline\n';
    const script = (body: string | Buffer, type = 'text/plain') => ({
      [`GET ${CHANNEL}/files/a`]: ((_seen, response) =>
        response.writeHead(200, { 'content-type': type }).end(body)) satisfies Respond,
    });

    test('prints the file on a terminal with its control characters made visible', async () => {
      const { exit, stdout } = await run(['show', 'a'], script(hostile), { isTTY: true });
      expect(exit).toBe(0);
      expect(stdout).toBe('title: \\u001b]0;owned\\u0007 \\u009b2J \\u202eevil\r\nnext\tline\n');
    });

    test('prints a JSON file on a terminal with its control characters escaped, even with --json', async () => {
      const body = JSON.stringify({ a: '\u009b2J' });
      const files = script(body, 'application/json');
      const plain = await run(['show', 'a'], files, { isTTY: true });
      expect(plain.stdout).toBe('{\n  "a": "\\u009b2J"\n}\n');
      await api?.close();
      const document = await run(['show', 'a', '--json'], files, { isTTY: true });
      expect(document.stdout).toBe('{"a":"\\u009b2J"}');
    });

    test('prints the file unchanged in a pipe or with --raw', async () => {
      expect((await run(['show', 'a'], script(hostile))).stdout).toBe(hostile);
      await api?.close();
      expect((await run(['show', 'a', '--raw'], script(hostile), { isTTY: true })).stdout).toBe(hostile);
    });

    test('does not print a file on a terminal when the file is not text', async () => {
      const bytes = Buffer.from([0xff, 0x1b, 0x5b]);
      const { exit, stdout, stderr } = await run(['show', 'a'], script(bytes), { isTTY: true });
      expect(exit).toBe(2);
      expect(stdout).toBe('');
      expect(stderr).toContain('--raw');
    });
  });

  test('"diff" compares compiled files by path, and JSON by member', async () => {
    const digest = (letter: string) => `sha256:${letter.repeat(64)}`;
    const base = '/v1/tenants/acme';
    const script = {
      [`GET ${RELEASES}/1`]: json(settled('published', { digest: digest('1') })),
      [`GET ${RELEASES}/2`]: json(settled('published', { digest: digest('2') })),
      [`GET ${base}/artifacts/${digest('1')}`]: manifest([
        ['a.json', 'a'],
        ['gone.md', 'b'],
        ['same', 'c'],
      ]),
      [`GET ${base}/artifacts/${digest('2')}`]: manifest([
        ['a.json', 'd'],
        ['new.md', 'b'],
        ['same', 'c'],
      ]),
      [`GET ${base}/blobs/${digest('a')}`]: json({ name: 'bot', tone: 'dry' }),
      [`GET ${base}/blobs/${digest('d')}`]: json({ name: 'bot', tone: 'warm' }),
      [`GET ${base}/blobs/${digest('b')}`]: json('x'),
    };
    const result = await run(['diff', '1', '2'], script);
    expect(result.exit).toBe(0);
    expect(result.stdout.split('\n')).toEqual([
      '~ a.json',
      '@@ -1,4 +1,4 @@',
      ' {',
      '   "name": "bot",',
      '-  "tone": "dry"',
      '+  "tone": "warm"',
      ' }',
      '- gone.md',
      '@@ -1,1 +0,0 @@',
      '-"x"',
      '+ new.md',
      '@@ -0,0 +1,1 @@',
      '+"x"',
      '',
    ]);
    await api?.close();
    expect((await run(['diff', '1', '2', '--names'], script)).stdout).toBe('~ a.json\n- gone.md\n+ new.md\n');
  });
});
