import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { serverLimits } from '../embedded/limits.ts';
import { isProcessOf } from '../embedded/process-identity.ts';
import type { StopStep } from '../embedded/server-process.ts';
import { stopSteps as postgresStop } from '../postgres/embedded.ts';
import { stopSteps as restateStop } from '../restate/embedded.ts';
import type { DataDir } from './data-dir.ts';

/**
 * The parts of a stack (its server processes), in the order in which they are stopped. Each part is stopped
 * before the parts that it uses.
 */
export const STOP_ORDER = ['api', 'worker', 'restate', 'postgres'] as const;

export type PartName = (typeof STOP_ORDER)[number];

/** The signals that stop each part, with the time to wait after each. SIGKILL follows after the last one. */
export const stopStepsOf: Readonly<Record<PartName, readonly StopStep[]>> = {
  api: [['SIGTERM', serverLimits.drainMs]],
  worker: [['SIGTERM', serverLimits.drainMs]],
  restate: restateStop,
  postgres: postgresStop,
};

/** Stores the process ID of a part, so that a later process can end the part if this one is killed. */
export function recordProcess(dataDir: DataDir, part: PartName, pid: number): void {
  writeFileSync(recordFile(dataDir, part), String(pid), { mode: 0o600 });
}

/** Deletes the stored process ID of a part, unless it is already that of a newer process. */
export function forgetProcess(dataDir: DataDir, part: PartName, pid: number): void {
  if (readPid(recordFile(dataDir, part)) === pid) rmSync(recordFile(dataDir, part), { force: true });
}

/**
 * Ends the remaining processes of a killed stack on this data directory, in order, and returns the names of
 * the parts. A process is ended only if it belongs to this directory, because the system may have given the
 * stored process ID to another process. The caller must hold the lock of the directory.
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
    // The process is not a child of this one, so there is no event for its end. It must be polled.
    const deadline = performance.now() + waitMs;
    while (performance.now() < deadline) {
      if (!(await isProcessOf(pid, dataDir.path))) return;
      await delay(serverLimits.pollMs);
    }
  }
  throw new Error(`process ${pid}, orphaned by an earlier start on ${dataDir.path}, cannot be ended`);
}
