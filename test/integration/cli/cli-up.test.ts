import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

import { eventually } from '../../support/runs/eventually.ts';
import { nothingRuns } from '../../support/processes/processes.ts';
import { runCli } from '../../support/runs/run-cli.ts';

const LAUNCHER = fileURLToPath(new URL('../../../packages/cli/pointsman.js', import.meta.url));

test('"pointsman up" runs the whole stack until Ctrl-C, then leaves no process running and exits with 0', async () => {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'pointsman-up-')));
  const env = { POINTSMAN_HOME: join(folder, 'home'), POINTSMAN_PORT: '0' };
  const up = spawn(process.execPath, [LAUNCHER, 'up'], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ...env },
  });
  const exited = once(up, 'exit');
  let printed = '';
  up.stdout.setEncoding('utf8').on('data', (text: string) => (printed += text));
  try {
    await eventually(async () => printed.includes('Pointsman is ready.'), { what: 'it is ready' });
    expect(await runCli(['tenants', 'create', 'acme'], { env })).toMatchObject({ exit: 0 });
    expect(await runCli(['tenants', 'list'], { env })).toMatchObject({ exit: 0, stdout: 'acme\n' });
  } finally {
    up.kill('SIGINT');
    expect(await exited).toEqual([0, null]);
    await nothingRuns(folder);
    await rm(folder, { recursive: true });
  }
});
