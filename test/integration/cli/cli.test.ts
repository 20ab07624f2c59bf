import { spawnSync } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { runCli, type CliResult } from '../../support/runs/run-cli.ts';
import { startTestStack, type TestStack } from '../../support/processes/stack.ts';

// Not replayed: it is about the command line, and api-publish.test.ts runs the same handlers.

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
  // What npm start leaves in its home is all that a command on this machine needs.
  env = { POINTSMAN_HOME: stack.home, POINTSMAN_TENANT: 'acme' };
  expect((await cli('tenants', 'create', 'acme')).exit).toBe(0);
});

// A bundle for each test, so that none sees another's pointer.
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

/** The document that a command prints with `--json`. */
async function document<T>(...args: string[]): Promise<T> {
  const { stdout, exit, stderr } = await cli(...args, '--json');
  expect(exit, stderr).toBe(0);
  return JSON.parse(stdout) as T;
}

describe('publishing', () => {
  test('exits with 0 only when the release is live, after every stage', async () => {
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

  test('from a script: the installed command, its exit code, and one document on standard output', async () => {
    const args = [LAUNCHER, 'publish', EXAMPLE, '--wait', '--json'];
    const { status, stdout } = spawnSync(process.execPath, args, {
      encoding: 'utf8',
      env: { PATH: process.env['PATH'], ...env },
    });
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      version: 1,
      status: 'settled',
      outcome: 'published',
      generation: 1,
    });
  });

  test('a source with a mistake exits with 3, shows the place in the local file, and gets no number', async () => {
    const { exit, stderr } = await cli('publish', join(folder, 'broken'));
    expect(exit).toBe(3);
    expect(stderr).toMatch(
      /broken\/agents\/billing\.yaml:12:16: error\[.+\n12 \| {3}refundCents: lots\n {3}\| {16}\^\n/,
    );
    expect((await cli('publish', EXAMPLE)).stdout).toContain(':v1 is live');
  });

  test('a dry run says the same, and publishes nothing', async () => {
    expect((await cli('publish', EXAMPLE, '--dry-run')).exit).toBe(0);
    expect((await cli('publish', join(folder, 'broken'), '--dry-run')).exit).toBe(3);
    expect((await cli('releases')).exit).toBe(12);
  });

  test('the same key publishes once, and another source under it is refused', async () => {
    const again = ['--idempotency-key', `key-${bundles}`];
    expect((await cli('publish', EXAMPLE, ...again)).exit).toBe(0);
    expect((await cli('publish', EXAMPLE, ...again)).stdout).toContain(':v1 is live at generation 1');
    expect((await cli('publish', join(folder, 'changed'), ...again)).exit).toBe(8);
    expect((await document<{ items: unknown[] }>('releases')).items).toHaveLength(1);
  });

  test('is refused with 8 when the pointer is not where the author saw it', async () => {
    await cli('publish', EXAMPLE);
    const late = await cli('publish', join(folder, 'changed'), '--if-generation', '0');
    expect(late.exit).toBe(8);
    expect((await cli('publish', join(folder, 'changed'), '--if-generation', '1')).exit).toBe(0);
  });

  test('a token that is wrong exits with 9, a tenant that is not there with 12', async () => {
    expect((await cli('publish', EXAMPLE, '--token', 'wrong')).exit).toBe(9);
    expect((await cli('publish', EXAMPLE, '--tenant', 'globex')).exit).toBe(12);
  });
});

describe('steering', () => {
  test('a rollback with a hold sticks until it is lifted', async () => {
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

  test('a promotion moves another channel to what was compiled before', async () => {
    await cli('publish', EXAMPLE, '--channel', 'staging');
    const { exit, stdout } = await cli('promote', 'v1', '--channel', 'live', '--create-channel');
    expect({ exit, stdout }).toEqual({ exit: 0, stdout: 'promoted  live is v1 at generation 1\n' });
    expect((await cli('promote', '7', '--channel', 'live')).exit).toBe(12);
  });

  test('a release that is published can not be cancelled any more', async () => {
    await cli('publish', EXAMPLE);
    const { exit, stderr } = await cli('cancel', '1', '--reason', 'too late');
    expect(exit).toBe(8);
    expect(stderr).toContain('published');
  });
});

describe('reading', () => {
  test('show gives the compiled bytes at the pointer, and follows it', async () => {
    await cli('publish', EXAMPLE);
    const before = JSON.parse((await cli('show', 'agents/billing.yaml')).stdout) as { limits: unknown };
    expect(before.limits).toEqual({ refundCents: 5000, turns: 12 });
    await cli('publish', join(folder, 'changed'));
    expect((await cli('show', 'agents/billing.yaml')).stdout).toContain('"refundCents":20000');
    expect((await cli('show', 'agents/nobody.yaml')).exit).toBe(12);
  });

  test('diff shows what changed for a runtime, and nothing else', async () => {
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

  test('doctor finds everything well from what npm start left', async () => {
    const { exit, stdout, stderr } = await cli('doctor', '--repair');
    expect(exit, stdout + stderr).toBe(0);
    expect(stdout).toMatch(/✓ {2}Restate +1\.[0-9]+\.[0-9]+ at /);
    expect(stdout).toMatch(/✓ {2}PostgreSQL +accepts writes from the worker/);
    expect(stdout).toMatch(/ {2}disk of \S+ +.* free \(logs and settings, PostgreSQL, Restate\)/);
    expect(stdout).not.toContain('✗');
  });

  test('doctor leaves nothing unchecked, with no setting of the server', async () => {
    const { findings } = await document<{ findings: { subject: string; state: string }[] }>('doctor');
    // How full this machine's disk is, is not the stack's doing.
    const others = findings.filter(({ subject }) => !subject.startsWith('disk of '));
    expect(others.filter(({ state }) => state !== 'ok')).toEqual([]);
    expect(others.filter(({ subject }) => subject === 'PostgreSQL')).toHaveLength(2);
  });
});
