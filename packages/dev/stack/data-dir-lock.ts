import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { serverLimits } from '../embedded/limits.ts';
import { isAlive } from '../embedded/process-identity.ts';
import type { DataDir } from './data-dir.ts';

/**
 * The holder of a data directory's lock: the process of its stack, or the watchdog that ends the orphans of
 * one.
 */
export type HolderRole = 'stack' | 'watchdog';

export interface DataDirLock {
  release(): void;
}

/** Another process runs a stack on this data directory. */
export class DataDirInUseError extends Error {
  override name = 'DataDirInUseError';
}

/**
 * Locks the data directory for this process. Waits while a watchdog holds the lock, because it ends by
 * itself. Throws DataDirInUseError, with the process ID, when a stack is running on it.
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
 * Locks the data directory, or returns null if it is locked. It uses SQLite's lock on a file, because the
 * system releases it however the process ends. A lock file with a process ID would remain after a kill, and
 * two processes that find it stale could both take it.
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
