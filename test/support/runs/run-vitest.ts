import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { Part, Run } from '../../parts.ts';
import { type Tally, tallyOf, talliesOfFolders } from './tally.ts';

/** The time in which a run must stop its servers after it was asked to end, in milliseconds. */
const GRACE_MS = 20_000;

interface VitestRun extends Pick<Run, 'env' | 'timeoutMs'> {
  /** The names of the Vitest projects. */
  readonly projects: readonly string[];
  readonly files: readonly string[];
  /** If true, the run prints nothing. */
  readonly quiet?: boolean;
}

/** Runs files of one project, and counts their results. Reports are written to `folder`, which must exist. */
export async function runFiles(
  { project, ...run }: Omit<VitestRun, 'projects'> & { readonly project: string },
  folder: string,
): Promise<Tally> {
  const { report, exitCode } = await runVitest({ ...run, projects: [project] }, folder);
  return tallyOf(report, exitCode);
}

/** Runs some parts at the same time, and counts the results of each. Reports are written to `folder`, which must exist. */
export async function runParts(
  { parts, ...run }: Pick<Run, 'parts' | 'env' | 'timeoutMs'>,
  folder: string,
): Promise<[Part['name'], Tally][]> {
  const projects = [...new Set(parts.map(({ project }) => project))];
  const files = parts.flatMap((part) => part.files);
  const { report, exitCode } = await runVitest({ ...run, projects, files }, folder);
  const tallies = talliesOfFolders(
    report,
    exitCode,
    parts.map((part) => part.files),
  );
  return parts.map(({ name }, index) => [name, tallies[index] ?? tallyOf(null, exitCode)]);
}

/**
 * Runs Vitest in its own process group. If the run exceeds its time, it is ended together with the processes that it started, and leaves no
 * report.
 */
async function runVitest(
  { projects, env = {}, files, timeoutMs, quiet = false }: VitestRun,
  folder: string,
): Promise<{ report: unknown; exitCode: number | null }> {
  const outputFile = join(folder, `${randomUUID()}.json`);
  const vitest = join(import.meta.dirname, '../../../node_modules/vitest/vitest.mjs');
  const exitCode = await exitCodeOf(
    [
      vitest,
      'run',
      ...projects.flatMap((project) => ['--project', project]),
      ...(quiet ? [] : ['--reporter=default']),
      '--reporter=json',
      `--outputFile.json=${outputFile}`,
      ...files,
    ],
    // The run starts hundreds of processes. With this cache, they share the compiled code of their modules.
    { ...process.env, NODE_COMPILE_CACHE: join(folder, 'compiled'), ...env },
    timeoutMs,
  );
  return { report: await readReport(outputFile), exitCode };
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
