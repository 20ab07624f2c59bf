import type * as ChildProcess from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect, test, vi } from 'vitest';

import { startServerProcess } from '../../../packages/dev/embedded/server-process.ts';

vi.mock('node:child_process', async (original) => {
  const childProcess = await original<typeof ChildProcess>();
  // Simulates a busy machine: the child has ended before the parent continues.
  const spawn = (...given: Parameters<typeof childProcess.spawn>) => {
    const child = childProcess.spawn(...given);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 500);
    return child;
  };
  return { ...childProcess, spawn };
});

test('the log tail of a server that ends immediately is available, without the log of the run before', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'pointsman-server-process-'));
  const logFile = join(folder, 'log');
  await writeFile(logFile, 'the run before\n');
  const command = { file: '/bin/sh', args: ['-c', 'echo Address already in use; exit 1'], env: {}, logFile };
  const server = await startServerProcess(command);
  expect(await server.ended).toBe('exit code 1');
  expect(await server.logTail()).toBe('Address already in use');
  await rm(folder, { recursive: true });
});
