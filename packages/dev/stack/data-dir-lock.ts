import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { serverLimits } from '../embedded/limits.ts';
import { isAlive } from '../embedded/process-identity.ts';
import type { DataDir } from './data-dir.ts';

/**
 * The kind of process that has locked a data directory. It is the stack that runs there, or the watchdog that
 * ends the remaining processes of a killed stack.
 */
export type HolderRole = 'stack' | 'watchdog';

export interface DataDirLock {
  release(): void;
}

/** Another stack is already running on this data directory. */
export class DataDirInUseError extends Error {
  override name = 'DataDirInUseError';
}

/**
 * Locks the data directory for this process. If a watchdog holds the lock, waits, because the watchdog ends
 * by itself. If another stack is running on the directory, throws DataDirInUseError with its process ID.
 */
export async function lockDataDir(dataDir: DataDir, role: HolderRole): Promise<DataDirLock> {
  const began = performance.now();
  for (;;) {
    const lock = tryLockDataDir(dataDir, role);
    if (lock !== null) return lock;
    const holder = readHolder(dataDir);
    const waited = performance.now() - began;
    const limitMs = holder?.role === 'watchdog' ? serverLimits.watchdogMs : serverLimits.lockSettleMs;
    const settled = holder !== null && holder.role === 'stack' && isAlive(holder.pid);
    if (settled || waited > limitMs) {
      const who = holder === null ? 'another process' : `process ${holder.pid}`;
      throw new DataDirInUseError(
        `${dataDir.path} is in use by ${who}. Stop that process first, or set POINTSMAN_HOME to another folder.`,
      );
    }
    await delay(serverLimits.pollMs);
  }
}

/**
 * Locks the data directory. Returns null if it is already locked.
 *
 * The lock is an SQLite lock on a file, because the operating system releases it whenever the process ends. A
 * lock file with a process ID would remain after a kill. Two processes could then both find it stale and both
 * take the lock.
 */
export function tryLockDataDir(dataDir: DataDir, role: HolderRole): DataDirLock | null {
  const database = new DatabaseSync(join(dataDir.run, 'lock.db'));
  try {
    database.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
  } catch (error) {
    database.close();
    if (isBusy(error)) return null;
    throw error;
  }
  const holder = join(dataDir.run, HOLDER_FILE);
  writeFileSync(holder, JSON.stringify({ pid: process.pid, role }), { mode: 0o600 });
  return {
    release: () => {
      rmSync(holder, { force: true });
      database.close();
    },
  };
}

const HOLDER_FILE = 'holder.json';
const Holder = z.object({ pid: z.number().int(), role: z.enum(['stack', 'watchdog']) });

function readHolder(dataDir: DataDir): z.infer<typeof Holder> | null {
  try {
    return Holder.parse(JSON.parse(readFileSync(join(dataDir.run, HOLDER_FILE), 'utf8')));
  } catch {
    return null;
  }
}

const SQLITE_BUSY = 5;

function isBusy(error: unknown): boolean {
  return error instanceof Error && 'errcode' in error && error.errcode === SQLITE_BUSY;
}
