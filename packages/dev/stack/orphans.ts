import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { serverLimits } from '../embedded/limits.ts';
import { isProcessOf } from '../embedded/process-identity.ts';
import type { StopStep } from '../embedded/server-process.ts';
import { stopSteps as postgresStop } from '../postgres/embedded.ts';
import { stopSteps as restateStop } from '../restate/embedded.ts';
import type { DataDir } from './data-dir.ts';

/** The parts of a stack, in the order of the shutdown: each one ends before the parts that it needs. */
export const STOP_ORDER = ['api', 'worker', 'restate', 'postgres'] as const;

export type PartName = (typeof STOP_ORDER)[number];

/** How each part is stopped, gracefully first; SIGKILL follows. */
export const stopStepsOf: Readonly<Record<PartName, readonly StopStep[]>> = {
  api: [['SIGTERM', serverLimits.drainMs]],
  worker: [['SIGTERM', serverLimits.drainMs]],
  restate: restateStop,
  postgres: postgresStop,
};

/** Records the process ID of a part, so that a later process can end it. */
export function recordProcess(dataDir: DataDir, part: PartName, pid: number): void {
  writeFileSync(recordFile(dataDir, part), String(pid), { mode: 0o600 });
}

/** Deletes the recorded process ID of a part, unless a newer process has been recorded. */
export function forgetProcess(dataDir: DataDir, part: PartName, pid: number): void {
  if (readPid(recordFile(dataDir, part)) === pid) rmSync(recordFile(dataDir, part), { force: true });
}

/**
 * Ends, in order, the orphaned processes of a killed stack on this data directory, and returns their names.
 * It ends only processes whose command line contains this directory, because a recorded ID may have been
 * reused. The directory must be locked.
 */
export async function endOrphans(dataDir: DataDir): Promise<PartName[]> {
  const ended: PartName[] = [];
  for (const part of STOP_ORDER) {
    const files = [
      recordFile(dataDir, part),
      ...(part === 'postgres' ? [join(dataDir.postgres, 'postmaster.pid')] : []),
    ];
    for (const pid of new Set(files.map(readPid))) {
      if (pid === null || !(await isProcessOf(pid, dataDir.path))) continue;
      await endProcess(pid, dataDir, stopStepsOf[part]);
      ended.push(part);
    }
    rmSync(recordFile(dataDir, part), { force: true });
  }
  return ended;
}

function recordFile(dataDir: DataDir, part: PartName): string {
  return join(dataDir.run, `${part}.pid`);
}

function readPid(file: string): number | null {
  try {
    const pid = Number.parseInt(readFileSync(file, 'utf8'), 10);
    return pid > 1 ? pid : null;
  } catch {
    return null;
  }
}

async function endProcess(pid: number, dataDir: DataDir, steps: readonly StopStep[]): Promise<void> {
  for (const [signal, waitMs] of [...steps, ['SIGKILL', serverLimits.killMs] as const]) {
    try {
      process.kill(pid, signal);
    } catch {
      return;
    }
    // The orphan is not a child of this process, so its end must be polled.
    const deadline = performance.now() + waitMs;
    while (performance.now() < deadline) {
      if (!(await isProcessOf(pid, dataDir.path))) return;
      await delay(serverLimits.pollMs);
    }
  }
  throw new Error(`process ${pid}, orphaned by an earlier start on ${dataDir.path}, cannot be ended`);
}
