import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { eventually } from '../../support/runs/eventually.ts';
import { nothingRuns, processesOf } from '../../support/processes/processes.ts';

const DEMO = fileURLToPath(new URL('../../../packages/dev/demo/main.ts', import.meta.url));

let folder: string;

beforeEach(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'pointsman-demo-test-')));
});

afterEach(async () => {
  await nothingRuns(folder);
  await rm(folder, { recursive: true, force: true });
});

interface Demo {
  readonly process: ChildProcess;
  readonly ended: Promise<number | null>;
  stdout(): string;
  stderr(): string;
}

/** Runs the demo with its temporary folder inside the test's folder. */
function demo(env: Readonly<Record<string, string>> = {}): Demo {
  const child = spawn(process.execPath, [DEMO], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, TMPDIR: folder, ...env },
  });
  const output = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output.stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (output.stderr += text));
  const ended = once(child, 'close').then(([code]) => code as number | null);
  return { process: child, ended, stdout: () => output.stdout, stderr: () => output.stderr };
}

/** The process that runs the demo's stack. */
async function stackOf(inside: string): Promise<number> {
  for (const pid of await processesOf(inside)) {
    const line = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    if (line.includes('packages/dev/stack/main.')) return pid;
  }
  throw new Error('no stack runs');
}

async function nothingIsLeft(): Promise<void> {
  await nothingRuns(folder);
  expect(await readdir(folder)).toEqual([]);
}

describe('"npm run demo"', () => {
  test('publishes, reads, changes, rolls back, exits with 0, and leaves nothing behind', async () => {
    // The environment names another Pointsman, which the demo must ignore.
    const run = demo({
      DATABASE_URL: 'postgres://nobody@127.0.0.1:1/nothing',
      POINTSMAN_URL: 'http://127.0.0.1:1',
    });
    expect(await run.ended, run.stdout() + run.stderr()).toBe(0);
    const printed = run.stdout();
    expect(printed).toContain('$ pointsman publish examples/support-bot --tenant acme --bundle support-bot');
    expect(printed).toContain('acme:support-bot:v1 is live at generation 1');
    expect(printed).toContain('{"description":');
    expect(printed).toContain('acme:support-bot:v2 is live at generation 2');
    expect(printed).toMatch(/^\+ +"refundCents": 20000/m);
    expect(printed).toContain('rolled back  v2 → v1 at generation 3, held: refunds are too high');
    expect(printed).toMatch(/^ +3 {2}v2 → v1 .*\n +2 {2}v1 → v2 .*\n +1 {2}– → v1 /m);
    // The output has fewer than 64 lines, about two screens, so that users read all of it.
    expect(printed.split('\n').length).toBeLessThan(64);
    await nothingIsLeft();
  });

  test('exits with 1 and the reason when its stack dies, and leaves nothing behind', async () => {
    const run = demo();
    await eventually(async () => run.stdout().includes('$ pointsman publish'), {
      what: 'the demo publishes',
    });
    process.kill(await stackOf(folder), 'SIGKILL');
    expect(await run.ended).toBe(1);
    expect(run.stderr()).toMatch(/The demo failed\. "pointsman .*" exited with [0-9]+/);
    await nothingIsLeft();
  });

  test.each([
    ['while it starts', 'Starting'],
    ['in the middle of a command', '$ pointsman publish'],
  ])('leaves no process behind when it is killed with SIGKILL %s', async (_when, sign) => {
    const run = demo();
    await eventually(async () => run.stdout().includes(sign), { what: `the demo prints "${sign}"` });
    await eventually(() => stackOf(folder).catch(() => null), { what: 'its stack runs' });
    run.process.kill('SIGKILL');
    await run.ended;
    await nothingRuns(folder);
  });

  test('exits with 1 and the reason when it cannot start', async () => {
    const run = demo({ TMPDIR: join(folder, 'missing') });
    expect(await run.ended).toBe(1);
    expect(run.stderr()).toContain('The demo failed.');
  });

  test.each([
    ['while it starts', 'Starting'],
    ['in the middle of a command', '$ pointsman publish'],
  ])('ends at Ctrl-C %s and leaves nothing behind', async (_when, sign) => {
    const run = demo();
    await eventually(async () => run.stdout().includes(sign), { what: `the demo prints "${sign}"` });
    run.process.kill('SIGINT');
    expect(await run.ended).toBe(130);
    await nothingIsLeft();
  });
});
