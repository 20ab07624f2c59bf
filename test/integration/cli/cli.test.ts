import { spawnSync } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { runCli, type CliResult } from '../../support/runs/run-cli.ts';
import { startTestStack, type TestStack } from '../../support/processes/stack.ts';
import { compileCache } from '../../support/runs/compile-cache.ts';

// This file is not part of the replay run, because it tests the command line. api-publish.test.ts runs the same
// handlers with Restate replaying.

const EXAMPLE = fileURLToPath(new URL('../../../examples/support-bot', import.meta.url));
const LAUNCHER = fileURLToPath(new URL('../../../packages/cli/pointsman.js', import.meta.url));

let stack: TestStack;
let folder: string;
let env: Record<string, string>;
let bundles = 0;

beforeAll(async () => {
  stack = await startTestStack();
  folder = await mkdtemp(join(tmpdir(), 'pointsman-cli-'));
  await cp(EXAMPLE, join(folder, 'changed'), { recursive: true });
  await edit('changed/agents/billing.yaml', 'refundCents: 5000', 'refundCents: 20000');
  await cp(EXAMPLE, join(folder, 'broken'), { recursive: true });
  await edit('broken/agents/billing.yaml', 'refundCents: 5000', 'refundCents: lots');
  // On the same machine the command line needs only the folder of `npm start`, which contains the URL and the token.
  env = { POINTSMAN_HOME: stack.home, POINTSMAN_TENANT: 'acme' };
  expect((await cli('tenants', 'create', 'acme')).exit).toBe(0);
});

// Each test has its own bundle, and so its own pointer.
beforeEach(() => {
  bundles++;
  env['POINTSMAN_BUNDLE'] = `bot-${bundles}`;
});

afterAll(async () => {
  await stack.stop();
  await rm(folder, { recursive: true, force: true });
});

async function edit(path: string, from: string, to: string): Promise<void> {
  const text = await readFile(join(folder, path), 'utf8');
  await writeFile(join(folder, path), text.replace(from, to));
}

async function cli(...args: string[]): Promise<CliResult> {
  return runCli(args, { env, firstRetryMs: 250 });
}

/** Runs a command with `--json` and parses the document that it prints. */
async function document<T>(...args: string[]): Promise<T> {
  const { stdout, exit, stderr } = await cli(...args, '--json');
  expect(exit, stderr).toBe(0);
  return JSON.parse(stdout) as T;
}

describe('"pointsman publish"', () => {
  test('prints every stage, and exits with 0 once the release is live', async () => {
    const { exit, stdout } = await cli('publish', EXAMPLE, '--message', 'first');
    expect(exit).toBe(0);
    for (const stage of ['validate', 'compile', 'store', 'gate', 'swap', 'announce']) {
      expect(stdout).toMatch(new RegExp(`✓ ${stage} `));
    }
    expect(stdout).toContain('- verify   skipped\n');
    expect(stdout).toContain(`published  acme:bot-${bundles}:v1 is live at generation 1\n`);
    const { pointers } = await document<{ pointers: unknown[] }>('status');
    expect(pointers).toEqual([
      expect.objectContaining({ channel: 'live', version: 1, generation: 1, hold: null }),
    ]);
  });

  test('works in a script: the installed command sets its exit code and prints one JSON document', async () => {
    const args = [LAUNCHER, 'publish', EXAMPLE, '--wait', '--json'];
    const { status, stdout } = spawnSync(process.execPath, args, {
      encoding: 'utf8',
      env: { PATH: process.env['PATH'], ...compileCache, ...env },
    });
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      version: 1,
      status: 'settled',
      outcome: 'published',
      generation: 1,
    });
  });

  test('exits with 3 for a source with a mistake, shows the line in the local file, and does not use up a version number', async () => {
    const { exit, stderr } = await cli('publish', join(folder, 'broken'));
    expect(exit).toBe(3);
    expect(stderr).toMatch(
      /broken\/agents\/billing\.yaml:12:16: error\[.+\n12 \| {3}refundCents: lots\n {3}\| {16}\^\n/,
    );
    expect((await cli('publish', EXAMPLE)).stdout).toContain(':v1 is live');
  });

  test('with --dry-run exits with the same codes and does not publish', async () => {
    expect((await cli('publish', EXAMPLE, '--dry-run')).exit).toBe(0);
    expect((await cli('publish', join(folder, 'broken'), '--dry-run')).exit).toBe(3);
    expect((await cli('releases')).exit).toBe(12);
  });

  test('publishes once for an idempotency key, and refuses the key for another source', async () => {
    const again = ['--idempotency-key', `key-${bundles}`];
    expect((await cli('publish', EXAMPLE, ...again)).exit).toBe(0);
    expect((await cli('publish', EXAMPLE, ...again)).stdout).toContain(':v1 is live at generation 1');
    expect((await cli('publish', join(folder, 'changed'), ...again)).exit).toBe(8);
    expect((await document<{ items: unknown[] }>('releases')).items).toHaveLength(1);
  });

  test('exits with 8 when the pointer is not at the generation of --if-generation', async () => {
    await cli('publish', EXAMPLE);
    const late = await cli('publish', join(folder, 'changed'), '--if-generation', '0');
    expect(late.exit).toBe(8);
    expect((await cli('publish', join(folder, 'changed'), '--if-generation', '1')).exit).toBe(0);
  });

  test('exits with 9 for an invalid token and with 12 for an unknown tenant', async () => {
    expect((await cli('publish', EXAMPLE, '--token', 'wrong')).exit).toBe(9);
    expect((await cli('publish', EXAMPLE, '--tenant', 'globex')).exit).toBe(12);
  });
});

describe('the commands that move a pointer', () => {
  test('"rollback --hold" blocks publishes until the hold is lifted', async () => {
    await cli('publish', EXAMPLE);
    await cli('publish', join(folder, 'changed'));
    const back = await cli('rollback', '--yes', '--hold', 'refunds are too high');
    expect(back).toMatchObject({ exit: 0 });
    expect(back.stdout).toMatch(/^ {2}1 file changed, 0 added, 0 removed /m);
    expect(back.stdout).toMatch(/^rolled back {2}v2 → v1 at generation 3, held: refunds are too high$/m);
    const refused = await cli('publish', join(folder, 'changed'));
    expect(refused.exit).toBe(8);
    expect(refused.stderr).toContain('refunds are too high');
    expect((await cli('hold', '--lift')).stdout).toBe('lifted  live is v1 at generation 3\n');
    expect((await cli('publish', join(folder, 'changed'))).exit).toBe(0);
    const { items } = await document<{ items: { generation: number; to: { version: number } }[] }>('history');
    expect(items.map(({ generation, to }) => [generation, to.version])).toEqual([
      [4, 3],
      [3, 1],
      [2, 2],
      [1, 1],
    ]);
  });

  test('"promote" moves another channel to a release that is already compiled', async () => {
    await cli('publish', EXAMPLE, '--channel', 'staging');
    const { exit, stdout } = await cli('promote', 'v1', '--channel', 'live', '--create-channel');
    expect({ exit, stdout }).toEqual({ exit: 0, stdout: 'promoted  live is v1 at generation 1\n' });
    expect((await cli('promote', '7', '--channel', 'live')).exit).toBe(12);
  });

  test('"cancel" refuses a release that is already published', async () => {
    await cli('publish', EXAMPLE);
    const { exit, stderr } = await cli('cancel', '1', '--reason', 'too late');
    expect(exit).toBe(8);
    expect(stderr).toContain('published');
  });
});

describe('the commands that read', () => {
  test('"show" prints the compiled bytes at the current pointer', async () => {
    await cli('publish', EXAMPLE);
    const before = JSON.parse((await cli('show', 'agents/billing.yaml')).stdout) as { limits: unknown };
    expect(before.limits).toEqual({ refundCents: 5000, turns: 12 });
    await cli('publish', join(folder, 'changed'));
    expect((await cli('show', 'agents/billing.yaml')).stdout).toContain('"refundCents":20000');
    expect((await cli('show', 'agents/nobody.yaml')).exit).toBe(12);
  });

  test('"diff" prints only the differences between the compiled releases', async () => {
    await cli('publish', EXAMPLE);
    await cli('publish', join(folder, 'changed'));
    const { stdout } = await cli('diff', '1', '2');
    expect(stdout.split('\n').filter((line) => /^[-+~] ?/.test(line))).toEqual([
      '~ agents/billing.yaml',
      '-    "refundCents": 5000,',
      '+    "refundCents": 20000,',
    ]);
    expect((await cli('diff', '1', '1')).stdout).toBe('');
  });

  test('"doctor" reports no problem for a stack that "npm start" runs', async () => {
    const { exit, stdout, stderr } = await cli('doctor', '--repair');
    expect(exit, stdout + stderr).toBe(0);
    expect(stdout).toMatch(/✓ {2}Restate +1\.[0-9]+\.[0-9]+ at /);
    expect(stdout).toMatch(/✓ {2}PostgreSQL +accepts writes from the worker/);
    expect(stdout).toMatch(/ {2}disk of \S+ +.* free \(logs and settings, PostgreSQL, Restate\)/);
    expect(stdout).not.toContain('✗');
  });

  test('"doctor" runs all its checks without any setting of the server', async () => {
    const { findings } = await document<{ findings: { subject: string; state: string }[] }>('doctor');
    // This machine's disk may be almost full for other reasons, so the test ignores the findings about disks.
    const others = findings.filter(({ subject }) => !subject.startsWith('disk of '));
    expect(others.filter(({ state }) => state !== 'ok')).toEqual([]);
    expect(others.filter(({ subject }) => subject === 'PostgreSQL')).toHaveLength(2);
  });
});
