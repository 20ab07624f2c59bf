import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { startApi, type TestApi } from '../../support/processes/api.ts';
import { type ControlPlane, startControlPlane } from '../../support/worlds/control-plane.ts';
import { eventually } from '../../support/runs/eventually.ts';

// This file is not part of the replay run, because it tests the tutorial's page. release.test.ts runs the same
// handlers with Restate replaying.

const root = join(import.meta.dirname, '..', '..', '..');

let plane: ControlPlane;
let api: TestApi;
let folder: string;
let shell: ChildProcess | null = null;

beforeAll(async () => {
  plane = await startControlPlane();
  api = await startApi({ appUrl: plane.postgres.appUrl, ingressUrl: plane.restate.ingressUrl });
  folder = await mkdtemp(join(tmpdir(), 'pointsman-tutorial-'));
});
afterAll(async () => {
  if (shell?.pid !== undefined) stop(shell.pid);
  await api.stop();
  await plane.stop();
  await rm(folder, { recursive: true, force: true });
});

test('every command of docs/tutorial.md exits as the page shows, and prints the outcomes of the page', async () => {
  const page = await readFile(join(root, 'docs/tutorial.md'), 'utf8');
  const { exit, output } = await run(await scriptOf(page));
  expect([exit, output()]).toEqual([0, expect.stringContaining('lifted  live is v1 at generation 3')]);
  const shown = blocksOf(page, '').flatMap((block) => block.split('\n'));
  const outcomes = shown.filter((line) => OUTCOME.test(line));
  expect(outcomes.length).toBeGreaterThan(7);
  expect(outcomes.filter((line) => !output().includes(line))).toEqual([]);
  // The output of the follower, which the tutorial runs in a third terminal.
  for (const line of ['generation 2: v2', 'generation 3: v1']) {
    expect(page).toContain(`\`${line}\``);
    await eventually(async () => output().includes(line), { what: `the follower prints "${line}"` });
  }
});

/** The lines of the output that are the same in every run. Lines with times or measurements are left out. */
const OUTCOME = /^(?:created|published|approved|rolled back|lifted|error|acme:support-bot:v2 is|[-+] {4}")/;

/**
 * The content of the fenced code blocks with that language. Blocks of commands have the language `sh`, and blocks of
 * output have none.
 */
function blocksOf(page: string, language: string): string[] {
  return [...page.matchAll(/^```(\w*)\n([^]*?)^```$/gm)].flatMap(([, own = '', block = '']) =>
    own === language ? [block] : [],
  );
}

/**
 * Joins all blocks of commands to one script. It stops at the first command whose exit code is not the expected one.
 */
async function scriptOf(page: string): Promise<string> {
  const blocks = blocksOf(page, 'sh').map((block) =>
    block.startsWith('# third terminal') ? `(\n${block}) &` : block,
  );
  const port = await freePort();
  const script = blocks
    .join('\n')
    .replaceAll(/^(.*) # exit code (\d+)$/gm, 'code=0; $1 || code=$?; [ $code -eq $2 ] || exit 99')
    .replaceAll('http://127.0.0.1:7400', api.url)
    .replaceAll('8080', String(port));
  return `set -e\n${script}`;
}

async function run(script: string): Promise<{ exit: number | null; output: () => string }> {
  const child = spawn('bash', ['-c', script], {
    cwd: root,
    // Uses a separate process group. The follower belongs to it, so the test can end both together.
    detached: true,
    env: {
      ...process.env,
      TMPDIR: folder,
      FOLLOWER_FOLDER: join(folder, 'follower'),
      POINTSMAN_URL: api.url,
      POINTSMAN_TOKEN: api.adminToken,
      NO_COLOR: '1',
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  shell = child;
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const [exit] = (await once(child, 'exit')) as [number | null];
  return { exit, output: () => output };
}

function stop(group: number): void {
  try {
    process.kill(-group, 'SIGTERM');
  } catch {
    // Waits until every process of the group has ended.
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
