import { setTimeout as delay } from 'node:timers/promises';
import { serverLimits } from '../embedded/limits.ts';
import type { ServerProcess, StopStep } from '../embedded/server-process.ts';

export interface Part {
  readonly name: string;
  readonly stopSteps: readonly StopStep[];
  /**
   * Starts the process of the part, and resolves when it is ready. Must call `onStarted` as soon as the
   * process exists.
   */
  start(onStarted: (process: ServerProcess) => void): Promise<void>;
}

export interface Watcher {
  /** Prints one line for the user. */
  print(line: string): void;
  /**
   * Called when a process of the part has started. May throw if the process ID can't be stored. The process
   * is then killed.
   */
  onStarted(pid: number): void;
  /** Called when a process of the part has ended. */
  onEnded(pid: number): void;
  /** Called when the process of the part has ended too often. It is not restarted any more. */
  onGaveUp(reason: string): void;
}

export interface Supervised {
  /** The ID of the running process. Null if no process is running. */
  readonly pid: number | null;
  /**
   * Starts the part. May be called again after `stop`. Rejects if the part fails to start. Once it has
   * started, it is restarted whenever its process ends.
   */
  start(): Promise<void>;
  signal(signal: NodeJS.Signals): void;
  /**
   * Stops the part, which is then not restarted. With `atOnce`, kills its process. If a start is in progress,
   * waits for it.
   */
  stop(options?: { atOnce?: boolean }): Promise<void>;
}

/**
 * Keeps a part of the stack running. If its process ends unexpectedly, it is restarted after a delay, which
 * doubles each time. If it ends {@link serverLimits.deaths} times within {@link serverLimits.deathWindowMs},
 * it is not restarted any more.
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

// Reports that a process has started. If its ID can't be stored, kills the process, because a later start
// could not find and end it.
function recordOrKill(process: ServerProcess, watcher: Watcher): void {
  try {
    watcher.onStarted(process.pid);
  } catch (error) {
    process.signal('SIGKILL');
    throw error;
  }
}

// Returns a function to call whenever the process has ended unexpectedly. It returns how many times that has
// happened recently, and the delay before the restart.
function deathCounter(): () => { deaths: number; waitMs: number } {
  let times: number[] = [];
  return () => {
    const now = performance.now();
    times = [...times.filter((time) => time > now - serverLimits.deathWindowMs), now];
    return { deaths: times.length, waitMs: serverLimits.restartDelayMs * 2 ** (times.length - 1) };
  };
}
