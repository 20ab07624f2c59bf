import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { serverLimits } from '../embedded/limits.ts';
import { isAlive } from '../embedded/process-identity.ts';
import type { Home } from './home.ts';

/** Who holds a home: the process that runs its stack, or the warden that is ending what is left of one. */
export type HolderRole = 'stack' | 'warden';

export interface HomeLock {
  release(): void;
}

/** Another process runs this home's stack. */
export class HomeInUseError extends Error {
  override name = 'HomeInUseError';
}

/**
 * Takes the home for this process alone. Waits while a warden holds it, since that ends by itself. Throws HomeInUseError,
 * naming the process, when a stack runs on it.
 */
export async function lockHome(home: Home, role: HolderRole): Promise<HomeLock> {
  const began = performance.now();
  for (;;) {
    const lock = tryLockHome(home, role);
    if (lock !== null) return lock;
    const holder = readHolder(home);
    const waited = performance.now() - began;
    const patience = holder?.role === 'warden' ? serverLimits.wardenMs : serverLimits.lockSettleMs;
    const settled = holder !== null && holder.role === 'stack' && isAlive(holder.pid);
    if (settled || waited > patience) {
      const who = holder === null ? 'another process' : `process ${holder.pid}`;
      throw new HomeInUseError(
        `${home.path} is in use by ${who}. Stop that one first, or set POINTSMAN_HOME to another folder.`,
      );
    }
    await delay(serverLimits.pollMs);
  }
}

/**
 * Takes the home if it is free, or returns null. The lock is SQLite's own on a file, because the system drops it however its
 * process ends: a lock file with a number in it would stay behind after a kill, and two that find it stale would both take it.
 */
export function tryLockHome(home: Home, role: HolderRole): HomeLock | null {
  const database = new DatabaseSync(join(home.run, 'lock.db'));
  try {
    database.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
  } catch (error) {
    database.close();
    if (isBusy(error)) return null;
    throw error;
  }
  const holder = join(home.run, HOLDER_FILE);
  writeFileSync(holder, JSON.stringify({ pid: process.pid, role }), { mode: 0o600 });
  return {
    release: () => {
      rmSync(holder, { force: true });
      database.close();
    },
  };
}

const HOLDER_FILE = 'holder.json';
const Holder = z.object({ pid: z.number().int(), role: z.enum(['stack', 'warden']) });

function readHolder(home: Home): z.infer<typeof Holder> | null {
  try {
    return Holder.parse(JSON.parse(readFileSync(join(home.run, HOLDER_FILE), 'utf8')));
  } catch {
    return null;
  }
}

const SQLITE_BUSY = 5;

function isBusy(error: unknown): boolean {
  return error instanceof Error && 'errcode' in error && error.errcode === SQLITE_BUSY;
}
