import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { serverLimits } from '../embedded/limits.ts';
import { isProcessOf } from '../embedded/process-identity.ts';
import type { StopStep } from '../embedded/server-process.ts';
import { stopSteps as postgresStop } from '../postgres/embedded/embedded.ts';
import { stopSteps as restateStop } from '../restate/embedded.ts';
import type { Home } from './home.ts';

/** The parts of a stack, in the order in which they are ended: each is gone before what it needs. */
export const STOP_ORDER = ['api', 'worker', 'restate', 'postgres'] as const;

export type PartName = (typeof STOP_ORDER)[number];

/** How each part is asked to end, gently first; SIGKILL follows. */
export const stopStepsOf: Readonly<Record<PartName, readonly StopStep[]>> = {
  api: [['SIGTERM', serverLimits.drainMs]],
  worker: [['SIGTERM', serverLimits.drainMs]],
  restate: restateStop,
  postgres: postgresStop,
};

/** Notes that a part runs as that process, so that whoever comes after us can end it. */
export function recordProcess(home: Home, part: PartName, pid: number): void {
  writeFileSync(recordFile(home, part), String(pid), { mode: 0o600 });
}

/** Takes the note back, unless a newer process has been noted meanwhile. */
export function forgetProcess(home: Home, part: PartName, pid: number): void {
  if (readPid(recordFile(home, part)) === pid) rmSync(recordFile(home, part), { force: true });
}

/**
 * Ends, in order, what a stack on this home left running when it was killed, and returns their names. Only processes that
 * name this home are touched: a noted number may long belong to another. The home must be locked.
 */
export async function endLeftovers(home: Home): Promise<PartName[]> {
  const ended: PartName[] = [];
  for (const part of STOP_ORDER) {
    const files = [
      recordFile(home, part),
      ...(part === 'postgres' ? [join(home.postgres, 'postmaster.pid')] : []),
    ];
    for (const pid of new Set(files.map(readPid))) {
      if (pid === null || !(await isProcessOf(pid, home.path))) continue;
      await endProcess(pid, home, stopStepsOf[part]);
      ended.push(part);
    }
    rmSync(recordFile(home, part), { force: true });
  }
  return ended;
}

function recordFile(home: Home, part: PartName): string {
  return join(home.run, `${part}.pid`);
}

function readPid(file: string): number | null {
  try {
    const pid = Number.parseInt(readFileSync(file, 'utf8'), 10);
    return pid > 1 ? pid : null;
  } catch {
    return null;
  }
}

async function endProcess(pid: number, home: Home, steps: readonly StopStep[]): Promise<void> {
  for (const [signal, waitMs] of [...steps, ['SIGKILL', serverLimits.killMs] as const]) {
    try {
      process.kill(pid, signal);
    } catch {
      return;
    }
    // It is nobody's child any more, so that its end can't be waited for, only looked for.
    const deadline = performance.now() + waitMs;
    while (performance.now() < deadline) {
      if (!(await isProcessOf(pid, home.path))) return;
      await delay(serverLimits.pollMs);
    }
  }
  throw new Error(`process ${pid}, left over from an earlier start on ${home.path}, can't be ended`);
}
