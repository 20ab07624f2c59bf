import { spawn } from 'node:child_process';
import { statSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { serverLimits } from '../embedded/limits.ts';
import { PortTakenError } from '../embedded/ports.ts';
import { wrapProcess, readEnd, ServerNotReadyError, type ServerProcess } from '../embedded/server-process.ts';
import { captureOutput } from './child-log.ts';

export interface NodeChild {
  readonly script: string;
  /**
   * The data directory. It is also passed on the command line, by which a later start recognizes the process.
   */
  readonly dataDir: string;
  readonly env: NodeJS.ProcessEnv;
  readonly logFile: string;
  /** Prints one line for the user: a warning or an error of the child process. */
  readonly show: (line: string) => void;
}

/** The message that a child process sends when it is ready. */
const Ready = z.object({ ready: z.literal(true), url: z.string() });

/**
 * Starts one of the project's own processes (the API or the worker). Resolves with its URL when it is ready.
 * The child process ends when its IPC channel closes. Throws PortTakenError if its port is in use, or
 * ServerNotReadyError if it fails to start for another reason.
 */
export async function startNodeChild(
  child: NodeChild,
  onStarted: (process: ServerProcess) => void,
): Promise<{ process: ServerProcess; url: string }> {
  const { process: own, ready, closed } = await spawnChild(child, onStarted);
  const late = new AbortController();
  const inTime = delay(serverLimits.childReadyMs, null, { signal: late.signal });
  const url = await Promise.race([ready, own.ended.then(() => null), inTime]);
  late.abort();
  inTime.catch(() => undefined);
  if (url !== null) return { process: own, url };
  const how = own.hasEnded() ? `ended while starting (${await own.ended})` : 'was not ready in time';
  await own.stop(drainSteps);
  await Promise.race([closed, delay(serverLimits.logTailMs)]);
  const error = new ServerNotReadyError(`${child.script} ${how}`, await own.logTail());
  if (error.logTail.includes('EADDRINUSE')) throw new PortTakenError(error.message, { cause: error });
  throw error;
}

/**
 * Runs one of the project's own processes until it ends. Throws ServerNotReadyError unless its exit code is
 * 0.
 */
export async function runNodeChild(
  child: NodeChild,
  onStarted: (process: ServerProcess) => void,
): Promise<void> {
  const { process: own, closed } = await spawnChild(child, onStarted);
  const late = new AbortController();
  const inTime = delay(serverLimits.migrateMs, 'timed out', { signal: late.signal });
  const how = await Promise.race([own.ended, inTime]);
  late.abort();
  inTime.catch(() => undefined);
  if (how === 'exit code 0') return;
  await own.stop(drainSteps);
  await Promise.race([closed, delay(serverLimits.logTailMs)]);
  throw new ServerNotReadyError(`${child.script} failed (${how})`, await own.logTail());
}

const drainSteps = [['SIGTERM', serverLimits.drainMs]] as const;

async function spawnChild(
  { script, dataDir, env, logFile, show }: NodeChild,
  onStarted: (process: ServerProcess) => void,
) {
  const logStart = statSync(logFile, { throwIfNoEntry: false })?.size ?? 0;
  const child = spawn(process.execPath, [script, `--data-dir=${dataDir}`], {
    // The child process runs in its own session. Ctrl-C therefore reaches only this process, which stops all
    // processes in order.
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    env,
  });
  if (child.stdout !== null) captureOutput(child.stdout, logFile, show, false);
  if (child.stderr !== null) captureOutput(child.stderr, logFile, show, true);
  const ready = new Promise<string>((resolve) => {
    child.on('message', (message) => {
      const parsed = Ready.safeParse(message);
      if (parsed.success) resolve(parsed.data.url);
    });
  });
  const closed = new Promise<void>((over) => child.once('close', () => over()));
  const own = await wrapProcess(child, () => readEnd(logFile, logStart));
  onStarted(own);
  return { process: own, ready, closed };
}
