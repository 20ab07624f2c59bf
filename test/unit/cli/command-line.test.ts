import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';

import { runCli } from '../../support/runs/run-cli.ts';
import { json, scriptedApi, type ScriptedApi } from './scripted-api.ts';

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

describe('the command line', () => {
  test.each([
    [[]],
    [['nonsense']],
    [['publish']],
    [['publish', '.', '--on-conflict', 'win']],
    [['publish', '.', '--timeout', 'soon']],
    [['publish', '.', '--if-generation', 'x']],
    [['promote', '3']],
    [['approve']],
    [['approve', 'acme:bot']],
    [['approve', 'acme:Bot:v3', '--yes']],
    [['approve', '3', '--digest', 'latest']],
    [['approve', '3', '--gate', 'A', '--yes']],
    [['reject', '3', '--comment', ' ']],
    [['check']],
    [['check', 'report', 'e2e', '--success']],
    [['check', 'report', 'Not_A_Name', '3', '--success']],
    [['hold']],
    [['hold', '--lift', '--reason', 'both']],
    [['status', '--release', 'x']],
    [['status', 'Not A Name']],
    [['show', '../../../etc/passwd']],
    [['tenants']],
    [['tenants', 'create', 'Not_A_Name']],
    [['help', 'nonsense']],
    [['history', '--url', 'ftp://x']],
    [['history', '--token', 'two words']],
  ])('exits with 2 for the arguments %j, and sends nothing', async (args) => {
    const result = await run(args);
    expect(result.exit).toBe(2);
    expect(result.stdout).toBe('');
    expect(result.stderr).not.toBe('');
    expect(api?.seen).toEqual([]);
  });

  test.each([[['--help']], [['publish', '--help']], [['help']], [['help', 'rollback']], [['--version']]])(
    'prints help on standard output for the arguments %j, and exits with 0',
    async (args) => {
      const result = await run(args);
      expect(result).toMatchObject({ exit: 0, stderr: '' });
      expect(result.stdout).not.toBe('');
    },
  );

  test('prints the whole table of exit codes for "help exit-codes"', async () => {
    const { stdout, exit } = await run(['help', 'exit-codes']);
    expect(exit).toBe(0);
    expect(stdout).toMatch(/^ +10 {2}accepted and still in flight/m);
  });

  test('prefers an option to the environment, whether it comes before or after the command', async () => {
    const before = await run(['--bundle', 'other', 'releases'], {});
    expect(before.exit).toBe(12);
    expect(api?.seen[0]?.path).toContain('/bundles/other/');
    await api?.close();
    await run(['releases', '--tenant', 'globex']);
    expect(api?.seen[0]?.path).toBe('/v1/tenants/globex/bundles/bot/releases');
  });

  test('names the missing setting when a command has no tenant', async () => {
    const result = await runCli(['releases']);
    expect(result.exit).toBe(2);
    expect(result.stderr).toContain('POINTSMAN_TENANT');
  });

  test('takes the URL and the token from the data directory of "npm start" when no option sets them', async () => {
    const home = await mkdtemp(join(tmpdir(), 'pointsman-home-'));
    try {
      api = await scriptedApi({ [`GET ${RELEASES}`]: json({ items: [], next: null }) });
      await writeFile(join(home, 'api-url'), `${api.url}\n`);
      await writeFile(join(home, 'admin-token'), 'ptm_kept\n');
      const result = await runCli(['releases', '--tenant', 'acme', '--bundle', 'bot'], {
        env: { POINTSMAN_HOME: home },
      });
      expect(result.exit).toBe(0);
      expect(api.seen[0]?.headers.authorization).toBe('Bearer ptm_kept');
    } finally {
      await rm(home, { recursive: true, force: true });
    }
  });

  test('reports immediately that no server listens, and how to start one', async () => {
    const result = await runCli([
      'releases',
      '--tenant',
      'acme',
      '--bundle',
      'bot',
      '--url',
      await nobodysUrl(),
    ]);
    expect(result.exit).toBe(11);
    expect(result.stderr).toMatch(/Can't connect to .*\n.*npm start/);
  });

  test('reports a response that is not from Pointsman as such', async () => {
    const result = await run(['releases'], {
      [`GET ${RELEASES}`]: (_seen, response) => response.end('<html>welcome to nginx</html>'),
    });
    expect(result.exit).toBe(1);
    expect(result.stderr).toContain("Check that the URL is Pointsman's API");
  });
});

/** The URL of a server that was just closed, so no server listens there. */
async function nobodysUrl(): Promise<string> {
  const server = createServer();
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const { port } = server.address() as AddressInfo;
  await new Promise((closed) => server.close(closed));
  return `http://127.0.0.1:${port}`;
}
