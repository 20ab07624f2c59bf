import { spawn, type ChildProcess } from 'node:child_process';
import { serverLimits } from '../embedded/limits.ts';
import type { DataDir } from './data-dir.ts';
import { scriptPath } from './options.ts';

export interface Watchdog {
  readonly pid: number;
  /** Ends the watchdog. Must be called only when all parts of the stack have ended. */
  stop(): Promise<void>;
}

/**
 * Starts the watchdog, a process that ends the parts of this stack if this process is killed. If the watchdog
 * itself ends unexpectedly, it is restarted.
 */
export function startWatchdog(dataDir: DataDir): Watchdog {
  let dismissed = false;
  let current = spawnWatchdog(dataDir);
  const replaceWhenGone = (watchdog: ChildProcess): void => {
    watchdog.once('exit', () => {
      if (dismissed) return;
      setTimeout(() => {
        if (dismissed) return;
        current = spawnWatchdog(dataDir);
        replaceWhenGone(current);
      }, serverLimits.restartDelayMs).unref();
    });
  };
  replaceWhenGone(current);
  return {
    get pid() {
      return current.pid as number;
    },
    stop: async () => {
      dismissed = true;
      if (current.exitCode !== null || current.signalCode !== null) return;
      const gone = new Promise((exited) => current.once('exit', exited));
      current.kill('SIGKILL');
      await gone;
    },
  };
}

// Spawns the watchdog in its own session, so that a signal to the process group of the terminal does not
// reach it.
function spawnWatchdog(dataDir: DataDir): ChildProcess {
  const script = scriptPath('./watchdog');
  const watchdog = spawn(process.execPath, [script, dataDir.path], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  watchdog.on('error', () => undefined);
  watchdog.stdin.on('error', () => undefined);
  return watchdog;
}
