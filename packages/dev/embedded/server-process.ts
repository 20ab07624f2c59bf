import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, fstatSync, openSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { serverLimits } from './limits.ts';

export interface ServerCommand {
  readonly file: string;
  readonly args: readonly string[];
  /**
   * The complete environment of the server. It inherits no variables, so that a variable of the user's shell
   * can't affect it.
   */
  readonly env: Readonly<Record<string, string>>;
  /** The file to which stdout and stderr of the server are appended. */
  readonly logFile: string;
  /** The user that runs the server. May be set only if this process is root. */
  readonly user?: { readonly uid: number; readonly gid: number };
}

/** One step of stopping a process: the signal to send, and how long to wait for the end of the process. */
export type StopStep = readonly [signal: NodeJS.Signals, waitMs: number];

/** A server that this process has started and must stop. */
export interface ServerProcess {
  readonly pid: number;
  /**
   * Resolves when the process has ended. The value is `exit code 1` or `signal SIGKILL`, for example. Never
   * rejects.
   */
  readonly ended: Promise<string>;
  hasEnded(): boolean;
  signal(signal: NodeJS.Signals): void;
  /**
   * Runs the steps one after the other until the process has ended. After the last step, sends SIGKILL. May
   * be called several times.
   */
  stop(steps: readonly StopStep[]): Promise<void>;
  /** Returns the end of the log that the server has written since its start. */
  logTail(): Promise<string>;
}

/**
 * Starts a server in its own session. Ctrl-C in the terminal therefore reaches only this process, which stops
 * its servers in order. Rejects if the program can't be started.
 */
export async function startServerProcess(command: ServerCommand): Promise<ServerProcess> {
  const log = openSync(command.logFile, 'a', 0o600);
  // The size of the log before the start. It is read before the spawn: on a busy machine the server may have
  // written output, and even ended, before the next line runs.
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
 * Creates a ServerProcess for a child process that was just spawned. Rejects if the program could not be
 * started. `logTail` returns the end of its log.
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
 * Calls `probe` every {@link serverLimits.pollMs} until it returns true. If the process ends before that, or
 * {@link serverLimits.readyMs} have passed, throws an error that contains the end of the log.
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

/** The server has ended before it was ready, or was not ready in time. */
export class ServerNotReadyError extends Error {
  override name = 'ServerNotReadyError';
  /** The end of the server's log. */
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
 * Returns the end of a log file, without the output of earlier runs. `from` is the size of the file at the
 * start of this run. If the file is smaller now, it was rotated, and all of it belongs to this run.
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
