import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { processesOf } from '../../support/processes/processes.ts';

// Not replayed: it is about what is built, and release.test.ts runs the same handlers.

const root = join(import.meta.dirname, '..', '..', '..');
const run = promisify(execFile);

/** Far above what the start of the servers takes on two busy cores. */
const STARTED_WITHIN_MS = 120_000;

let home: string;

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'pointsman built '));
});
afterEach(async () => {
  expect(await processesOf(home)).toEqual([]);
  await rm(home, { recursive: true, force: true });
});

test('the JavaScript that "npm run build" makes runs the whole system: it publishes a bundle with a module, which its own command line then shows', async () => {
  await run('npm', ['run', 'build'], { cwd: root });
  const stack = spawn(process.execPath, [join(root, 'dist/services/stack/main.js')], {
    cwd: '/',
    env: { PATH: process.env.PATH, POINTSMAN_PORT: '0', POINTSMAN_HOME: home },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = once(stack, 'exit');
  try {
    await printed(stack, 'Data ');
    const pointsman = (...args: string[]) =>
      run(process.execPath, [join(root, 'dist/services/cli/pointsman.js'), ...args], {
        cwd: root,
        env: {
          PATH: process.env.PATH,
          POINTSMAN_HOME: home,
          POINTSMAN_TENANT: 'acme',
          POINTSMAN_BUNDLE: 'support-bot',
        },
      });
    await pointsman('tenants', 'create', 'acme');
    await pointsman('publish', 'examples/support-bot');
    const { stdout } = await pointsman('show', 'tools/refund.js');
    expect(stdout).toContain('export');
  } finally {
    stack.kill('SIGTERM');
    await ended;
  }
});

async function printed(child: ReturnType<typeof spawn>, text: string): Promise<void> {
  const signal = AbortSignal.timeout(STARTED_WITHIN_MS);
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
  }
  while (!output.includes(text)) {
    if (child.exitCode !== null || signal.aborted) throw new Error(`the stack did not start:\n${output}`);
    await new Promise((resolve) => {
      setTimeout(resolve, 100);
    });
  }
}
