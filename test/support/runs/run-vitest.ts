import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { Part } from '../../parts.ts';
import { type Tally, tallyOf } from './tally.ts';

/** The time in which a run must stop its servers after it was asked to end, in milliseconds. */
const GRACE_MS = 20_000;

type Run = Omit<Part, 'covers' | 'usualSeconds'> & {
  /** If true, the run prints nothing. */
  readonly quiet?: boolean;
};

/**
 * Runs a part of the tests in its own process group, and counts its results. Reports are written to `folder`, which must exist. If the run
 * exceeds its time, it is ended together with the processes that it started, and counts as failed.
 */
export async function runVitest(
  { name, project, env = {}, files = [], timeoutMs, quiet = false }: Run,
  folder: string,
): Promise<Tally> {
  const outputFile = join(folder, `${name}.json`);
  const vitest = join(import.meta.dirname, '../../../node_modules/vitest/vitest.mjs');
  const exitCode = await exitCodeOf(
    [
      vitest,
      'run',
      '--project',
      project,
      ...(quiet ? [] : ['--reporter=default']),
      '--reporter=json',
      `--outputFile.json=${outputFile}`,
      ...files,
    ],
    // The run starts hundreds of processes. With this cache, they share the compiled code of their modules.
    { ...process.env, NODE_COMPILE_CACHE: join(folder, 'compiled'), ...env },
    timeoutMs,
  );
  return tallyOf(await readReport(outputFile), exitCode);
}

/**
 * Runs Vitest in its own process group, so that a run that hangs can be ended together with the processes that it started. Returns the exit
 * code.
 */
async function exitCodeOf(args: string[], env: NodeJS.ProcessEnv, timeoutMs: number): Promise<number | null> {
  const child = spawn(process.execPath, args, {
    env,
    stdio: ['ignore', 'inherit', 'inherit'],
    detached: true,
  });
  const { pid } = child;
  const endGroup = (signal: NodeJS.Signals): void => {
    if (pid !== undefined && child.exitCode === null && child.signalCode === null) process.kill(-pid, signal);
  };
  let kill: NodeJS.Timeout | undefined;
  const end = (): void => {
    endGroup('SIGTERM');
    kill ??= setTimeout(endGroup, GRACE_MS, 'SIGKILL');
  };
  const stopped = (): void => {
    end();
    child.once('exit', () => process.exit(130));
  };
  const timeout = setTimeout(end, timeoutMs);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, stopped);
  try {
    return await new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', resolve);
    });
  } finally {
    clearTimeout(timeout);
    clearTimeout(kill);
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, stopped);
  }
}

async function readReport(file: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(file, 'utf8'));
  } catch {
    return null;
  }
}
