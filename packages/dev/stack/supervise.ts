import { setTimeout as delay } from 'node:timers/promises';
import { serverLimits } from '../embedded/limits.ts';
import type { ServerProcess, StopStep } from '../embedded/server-process.ts';

export interface Part {
  readonly name: string;
  readonly stopSteps: readonly StopStep[];
  /** Starts the part and resolves when it is ready. Must call onStarted as soon as the process exists. */
  start(onStarted: (process: ServerProcess) => void): Promise<void>;
}

export interface Watcher {
  /** Prints one line for the user. */
  print(line: string): void;
  /**
   * Called when a process of the part has started. If it throws because the process can't be recorded, the
   * process is killed.
   */
  onStarted(pid: number): void;
  /** Called when a process of the part has ended. */
  onEnded(pid: number): void;
  /** Called when the part has died too often and is not restarted. */
  onGaveUp(reason: string): void;
}

export interface Supervised {
  /** The process ID, or null while there is no process. */
  readonly pid: number | null;
  /**
   * Starts the part, for the first time or after `stop`. Rejects when it fails to start. From then on it is
   * kept running.
   */
  start(): Promise<void>;
  signal(signal: NodeJS.Signals): void;
  /** Stops the part permanently; `atOnce` with SIGKILL. Waits for a running start. */
  stop(options?: { atOnce?: boolean }): Promise<void>;
}

/**
 * Keeps a part of the stack running. When its process ends unexpectedly it is restarted, after a delay that
 * doubles. After {@link serverLimits.deaths} deaths within {@link serverLimits.deathWindowMs} it is not
 * restarted.
 */
export function supervise(part: Part, watcher: Watcher): Supervised {
  let wanted = false;
  let current: ServerProcess | null = null;
  let working: Promise<unknown> = Promise.resolve();
  let hurry = new AbortController();
  const isWanted = (): boolean => wanted;
  const died = deathCounter();

  const launch = async (): Promise<void> => {
    await part.start((process) => {
      current = process;
      void process.ended.then(() => {
        watcher.onEnded(process.pid);
        if (current === process) current = null;
      });
      recordOrKill(process, watcher);
      if (!wanted) process.signal('SIGKILL');
    });
    if (current === null) throw new Error(`${part.name} ended as soon as it was ready`);
    const { ended } = current;
    void ended.then((how) => {
      if (wanted) working = restart(how);
    });
  };

  const restart = async (how: string): Promise<void> => {
    for (let last = how; isWanted();) {
      const { deaths, waitMs } = died();
      if (deaths >= serverLimits.deaths) {
        wanted = false;
        watcher.onGaveUp(`${part.name} ended ${deaths} times within a minute, the last time with ${last}`);
        return;
      }
      watcher.print(`${part.name} ended (${last}); starting it again in ${waitMs} ms`);
      await delay(waitMs, undefined, { signal: hurry.signal }).catch(() => undefined);
      if (!isWanted()) return;
      try {
        await launch();
        watcher.print(`${part.name} is running again`);
        return;
      } catch (error) {
        last = error instanceof Error ? error.message : String(error);
      }
    }
  };

  return {
    get pid() {
      return current?.pid ?? null;
    },
    start: async () => {
      wanted = true;
      hurry = new AbortController();
      working = launch();
      await working.catch((error: unknown) => {
        wanted = false;
        throw error;
      });
    },
    signal: (signal) => current?.signal(signal),
    stop: async ({ atOnce = false } = {}) => {
      wanted = false;
      hurry.abort();
      await current?.stop(atOnce ? [] : part.stopSteps);
      await working.catch(() => undefined);
    },
  };
}

// Kills a process that can't be recorded, because a later start could not find and end it.
function recordOrKill(process: ServerProcess, watcher: Watcher): void {
  try {
    watcher.onStarted(process.pid);
  } catch (error) {
    process.signal('SIGKILL');
    throw error;
  }
}

// Returns a function that counts a death. It returns the number of recent deaths, including this one, and the
// delay before the restart.
function deathCounter(): () => { deaths: number; waitMs: number } {
  let times: number[] = [];
  return () => {
    const now = performance.now();
    times = [...times.filter((time) => time > now - serverLimits.deathWindowMs), now];
    return { deaths: times.length, waitMs: serverLimits.restartDelayMs * 2 ** (times.length - 1) };
  };
}
