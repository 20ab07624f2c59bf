import { setTimeout as delay } from 'node:timers/promises';
import { serverLimits } from '../embedded/limits.ts';
import type { ServerProcess, StopStep } from '../embedded/server-process.ts';

export interface Part {
  readonly name: string;
  readonly stopSteps: readonly StopStep[];
  /** Starts it and resolves when it is ready. Must say so as soon as there is a process. */
  start(onStarted: (process: ServerProcess) => void): Promise<void>;
}

export interface Watcher {
  /** One line for the person who started the stack. */
  say(line: string): void;
  /** A process of the part began. Throws when that can't be noted: then it is ended. */
  began(pid: number): void;
  /** A process of the part is gone. */
  ended(pid: number): void;
  /** The part keeps dying, and is not started any more. */
  gaveUp(reason: string): void;
}

export interface Supervised {
  /** Null while there is no process. */
  readonly pid: number | null;
  /** Starts it for the first time, or again after `stop`. Rejects when it does not come up; from then on it is kept up. */
  start(): Promise<void>;
  signal(signal: NodeJS.Signals): void;
  /** Ends it and keeps it down; `atOnce` with SIGKILL. Waits for a start that is under way. */
  stop(options?: { atOnce?: boolean }): Promise<void>;
}

/**
 * Keeps a part of the stack running: when its process ends unasked it is started again, after a wait that doubles, until it
 * has died {@link serverLimits.deaths} times within {@link serverLimits.deathWindowMs}.
 */
export function supervise(part: Part, watcher: Watcher): Supervised {
  let wanted = false;
  let current: ServerProcess | null = null;
  let working: Promise<unknown> = Promise.resolve();
  let hurry = new AbortController();
  const isWanted = (): boolean => wanted;
  const died = deathTally();

  const launch = async (): Promise<void> => {
    await part.start((process) => {
      current = process;
      void process.ended.then(() => {
        watcher.ended(process.pid);
        if (current === process) current = null;
      });
      noteOrEnd(process, watcher);
      if (!wanted) process.signal('SIGKILL');
    });
    if (current === null) throw new Error(`${part.name} ended as soon as it was ready`);
    const { ended } = current;
    void ended.then((how) => {
      if (wanted) working = revive(how);
    });
  };

  const revive = async (how: string): Promise<void> => {
    for (let last = how; isWanted();) {
      const { deaths, waitMs } = died();
      if (deaths >= serverLimits.deaths) {
        wanted = false;
        watcher.gaveUp(`${part.name} ended ${deaths} times within a minute, the last time with ${last}`);
        return;
      }
      watcher.say(`${part.name} ended (${last}); starting it again in ${waitMs} ms`);
      await delay(waitMs, undefined, { signal: hurry.signal }).catch(() => undefined);
      if (!isWanted()) return;
      try {
        await launch();
        watcher.say(`${part.name} is back`);
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

// What nobody has noted, nobody would end after us.
function noteOrEnd(process: ServerProcess, watcher: Watcher): void {
  try {
    watcher.began(process.pid);
  } catch (error) {
    process.signal('SIGKILL');
    throw error;
  }
}

// How often it has died lately, this time included, and how long to wait before it is started again.
function deathTally(): () => { deaths: number; waitMs: number } {
  let times: number[] = [];
  return () => {
    const now = performance.now();
    times = [...times.filter((time) => time > now - serverLimits.deathWindowMs), now];
    return { deaths: times.length, waitMs: serverLimits.restartDelayMs * 2 ** (times.length - 1) };
  };
}
