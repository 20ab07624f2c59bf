import childProcess from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, expect, test } from 'vitest';

import { startServerProcess } from '../../../packages/dev/embedded/server-process.ts';

const { spawn } = childProcess;

/** Simulates a busy machine: the child has ended before the parent continues. */
function spawnSlowly(): void {
  const slow = (...given: Parameters<typeof spawn>) => {
    const child = spawn(...given);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 500);
    return child;
  };
  childProcess.spawn = slow as typeof spawn;
  syncBuiltinESMExports();
}

afterEach(() => {
  childProcess.spawn = spawn;
  syncBuiltinESMExports();
});

test('when a server ends immediately, the end of its log is available, without the log of the run before', async () => {
  spawnSlowly();
  const folder = await mkdtemp(join(tmpdir(), 'pointsman-server-process-'));
  const logFile = join(folder, 'log');
  await writeFile(logFile, 'the run before\n');
  const command = { file: '/bin/sh', args: ['-c', 'echo Address already in use; exit 1'], env: {}, logFile };
  const server = await startServerProcess(command);
  expect(await server.ended).toBe('exit code 1');
  expect(await server.logTail()).toBe('Address already in use');
  await rm(folder, { recursive: true });
});
