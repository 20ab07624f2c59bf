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
  /** Passed on the command line, so that a later start can identify the process. */
  readonly dataDir: string;
  readonly env: NodeJS.ProcessEnv;
  readonly logFile: string;
  /** Prints a warning or an error of the child process for the user. */
  readonly show: (line: string) => void;
}

/** The message that a child process sends when it is ready. */
const Ready = z.object({ ready: z.literal(true), url: z.string() });

/**
 * Starts one of the project's own processes, and resolves with its URL when it is ready. The child process
 * ends when its IPC channel closes. Throws ServerNotReadyError, or PortTakenError if that was the cause.
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
 * Runs one of the project's own processes to its end. Throws ServerNotReadyError unless it ends with exit
 * code 0.
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
    // In its own session, so that Ctrl-C reaches only this process, which stops the parts in order.
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
