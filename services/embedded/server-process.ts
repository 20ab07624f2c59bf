import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, fstatSync, openSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { serverLimits } from './limits.ts';

export interface ServerCommand {
  readonly file: string;
  readonly args: readonly string[];
  /** The whole environment; nothing is inherited, so that a stray variable of the shell can't steer a server. */
  readonly env: Readonly<Record<string, string>>;
  /** Both output streams are appended here. */
  readonly logFile: string;
  /** Become this user first (only as root). */
  readonly user?: { readonly uid: number; readonly gid: number };
}

/** One step of stopping: send the signal, then wait that long for the process to end. */
export type StopStep = readonly [signal: NodeJS.Signals, waitMs: number];

/** A server of somebody else's make that we started and must stop. */
export interface ServerProcess {
  readonly pid: number;
  /** Resolves, and never rejects, when the process has ended, with how: `exit code 1`, `signal SIGKILL`. */
  readonly ended: Promise<string>;
  hasEnded(): boolean;
  signal(signal: NodeJS.Signals): void;
  /** Runs the steps until the process has ended, with SIGKILL as the last. Any number of callers may wait for it. */
  stop(steps: readonly StopStep[]): Promise<void>;
  /** The end of what it has logged since it was started. */
  lastWords(): Promise<string>;
}

/**
 * Starts a server in a session of its own: a Ctrl-C in the terminal reaches only us, and we stop the servers in order.
 * Rejects when the program can't be started at all.
 */
export async function startServerProcess(command: ServerCommand): Promise<ServerProcess> {
  const log = openSync(command.logFile, 'a', 0o600);
  const child = spawn(command.file, command.args, {
    detached: true,
    stdio: ['ignore', log, log],
    env: command.env,
    ...command.user,
  });
  const logStart = fstatSync(log).size;
  closeSync(log);
  return ownProcess(child, () => readEnd(command.logFile, logStart));
}

/**
 * Takes charge of a child process that was spawned just now. Rejects when the program can't be started at all.
 * `lastWords` reads the end of its log.
 */
export async function ownProcess(
  child: ChildProcess,
  lastWords: () => Promise<string>,
): Promise<ServerProcess> {
  let over = false;
  const { promise: ended, resolve } = Promise.withResolvers<string>();
  child.once('exit', (code, signal) => {
    over = true;
    resolve(signal === null ? `exit code ${code}` : `signal ${signal}`);
  });
  await new Promise<void>((started, failed) => {
    child.once('spawn', started);
    child.once('error', failed);
  });
  const signal = (name: NodeJS.Signals): void => void (over || child.kill(name));
  return {
    pid: child.pid as number,
    ended,
    hasEnded: () => over,
    signal,
    stop: async (steps) => {
      for (const [name, waitMs] of [...steps, ['SIGKILL', serverLimits.killMs] as const]) {
        signal(name);
        if (await within(ended, waitMs)) return;
      }
      throw new Error(`process ${child.pid} did not end after SIGKILL`);
    },
    lastWords,
  };
}

/**
 * Waits until `probe` says yes, looking every {@link serverLimits.pollMs}. Throws when the process ends first or time is up,
 * with the last words of its log.
 */
export async function waitUntilReady(
  name: string,
  process: ServerProcess,
  probe: () => Promise<boolean>,
): Promise<void> {
  const deadline = performance.now() + serverLimits.readyMs;
  for (;;) {
    if (process.hasEnded()) {
      throw new ServerNotReadyError(
        `${name} ended while starting (${await process.ended})`,
        await process.lastWords(),
      );
    }
    if (await probe()) return;
    if (performance.now() > deadline) {
      throw new ServerNotReadyError(
        `${name} was not ready within ${serverLimits.readyMs} ms`,
        await process.lastWords(),
      );
    }
    await Promise.race([delay(serverLimits.pollMs), process.ended]);
  }
}

/** A server that ended, or said nothing in time, instead of becoming ready. */
export class ServerNotReadyError extends Error {
  override name = 'ServerNotReadyError';
  /** The end of its log. */
  readonly lastWords: string;

  constructor(message: string, lastWords: string) {
    super(`${message}:\n${lastWords}`);
    this.lastWords = lastWords;
  }
}

async function within(ended: Promise<string>, waitMs: number): Promise<boolean> {
  const giveUp = new AbortController();
  const timer = delay(waitMs, false, { signal: giveUp.signal }).catch(() => false);
  const result = await Promise.race([ended.then(() => true), timer]);
  giveUp.abort();
  return result;
}

/** The end of a log file, from where this run began. A file that is shorter by now was begun anew. */
export async function readEnd(path: string, from: number): Promise<string> {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    const start = Math.max(from > size ? 0 : from, size - serverLimits.logTailBytes);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(size - start), 0, size - start, start);
    return buffer.subarray(0, bytesRead).toString('utf8').trimEnd();
  } finally {
    await file.close();
  }
}
