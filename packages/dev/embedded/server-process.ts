import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, fstatSync, openSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { serverLimits } from './limits.ts';

export interface ServerCommand {
  readonly file: string;
  readonly args: readonly string[];
  /** The whole environment. Nothing is inherited, so that a variable of the shell can't affect a server. */
  readonly env: Readonly<Record<string, string>>;
  /** Both output streams are appended to this file. */
  readonly logFile: string;
  /** Run as this user (only as root). */
  readonly user?: { readonly uid: number; readonly gid: number };
}

/** One step of a stop: send the signal, then wait this long for the end of the process. */
export type StopStep = readonly [signal: NodeJS.Signals, waitMs: number];

/** A third-party server that this process started and must stop. */
export interface ServerProcess {
  readonly pid: number;
  /**
   * Resolves when the process has ended, with the reason: `exit code 1` or `signal SIGKILL`. Never rejects.
   */
  readonly ended: Promise<string>;
  hasEnded(): boolean;
  signal(signal: NodeJS.Signals): void;
  /**
   * Runs the steps until the process has ended, and finally sends SIGKILL. Several callers may wait for it.
   */
  stop(steps: readonly StopStep[]): Promise<void>;
  /** Returns the last part of the server's log since its start. */
  logTail(): Promise<string>;
}

/**
 * Starts a server in its own session, so that Ctrl-C in the terminal reaches only this process, which stops
 * the servers in order. Rejects when the program can't be started.
 */
export async function startServerProcess(command: ServerCommand): Promise<ServerProcess> {
  const log = openSync(command.logFile, 'a', 0o600);
  // Measured before the process is spawned. On a busy machine, the process may have written output and ended
  // before the next line runs.
  const logStart = fstatSync(log).size;
  const child = spawn(command.file, command.args, {
    detached: true,
    stdio: ['ignore', log, log],
    env: command.env,
    ...command.user,
  });
  closeSync(log);
  return wrapProcess(child, () => readEnd(command.logFile, logStart));
}

/**
 * Wraps a child process that was just spawned. Rejects when the program can't be started. `logTail` reads
 * the end of its log.
 */
export async function wrapProcess(
  child: ChildProcess,
  logTail: () => Promise<string>,
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
    logTail,
  };
}

/**
 * Waits until `probe` returns true, at intervals of {@link serverLimits.pollMs}. Throws, with the end of its
 * log, when the process ends first or the time limit is reached.
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
        await process.logTail(),
      );
    }
    if (await probe()) return;
    if (performance.now() > deadline) {
      throw new ServerNotReadyError(
        `${name} was not ready within ${serverLimits.readyMs} ms`,
        await process.logTail(),
      );
    }
    await Promise.race([delay(serverLimits.pollMs), process.ended]);
  }
}

/** The server ended, or was not ready in time. */
export class ServerNotReadyError extends Error {
  override name = 'ServerNotReadyError';
  /** The last part of the server's log. */
  readonly logTail: string;

  constructor(message: string, logTail: string) {
    super(`${message}:\n${logTail}`);
    this.logTail = logTail;
  }
}

async function within(ended: Promise<string>, waitMs: number): Promise<boolean> {
  const giveUp = new AbortController();
  const timer = delay(waitMs, false, { signal: giveUp.signal }).catch(() => false);
  const result = await Promise.race([ended.then(() => true), timer]);
  giveUp.abort();
  return result;
}

/**
 * Returns the end of a log file, but nothing that was written before this run started. A file that is now smaller
 * than at the start was rotated.
 */
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
