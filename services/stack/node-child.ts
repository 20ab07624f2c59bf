import { spawn } from 'node:child_process';
import { statSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { serverLimits } from '../embedded/limits.ts';
import { PortTakenError } from '../embedded/ports.ts';
import { ownProcess, readEnd, ServerNotReadyError, type ServerProcess } from '../embedded/server-process.ts';
import { keepOutput } from './child-log.ts';

export interface NodeChild {
  readonly script: string;
  /** Named on the command line, by which a later start knows the process for this home's. */
  readonly home: string;
  readonly env: NodeJS.ProcessEnv;
  readonly logFile: string;
  /** Shows one line, a warning or an error of the child's, to the person who started the stack. */
  readonly show: (line: string) => void;
}

/** What a child sends when it serves. */
const Ready = z.object({ ready: z.literal(true), url: z.string() });

/**
 * Starts one of our own processes and resolves with its address when it says that it serves. Its channel to us is also its
 * life line: it ends when that breaks. Throws ServerNotReadyError, or PortTakenError when that was why.
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
  const how = own.hasEnded() ? `ended while starting (${await own.ended})` : 'did not say that it is ready';
  await own.stop(drainSteps);
  await Promise.race([closed, delay(serverLimits.lastWordsMs)]);
  const error = new ServerNotReadyError(`${child.script} ${how}`, await own.lastWords());
  if (error.lastWords.includes('EADDRINUSE')) throw new PortTakenError(error.message, { cause: error });
  throw error;
}

/** Runs one of our own processes that does its work and ends. Throws ServerNotReadyError when that is not with exit code 0. */
export async function runNodeChild(
  child: NodeChild,
  onStarted: (process: ServerProcess) => void,
): Promise<void> {
  const { process: own, closed } = await spawnChild(child, onStarted);
  const late = new AbortController();
  const inTime = delay(serverLimits.migrateMs, 'no end in time', { signal: late.signal });
  const how = await Promise.race([own.ended, inTime]);
  late.abort();
  inTime.catch(() => undefined);
  if (how === 'exit code 0') return;
  await own.stop(drainSteps);
  await Promise.race([closed, delay(serverLimits.lastWordsMs)]);
  throw new ServerNotReadyError(`${child.script} failed (${how})`, await own.lastWords());
}

const drainSteps = [['SIGTERM', serverLimits.drainMs]] as const;

async function spawnChild(
  { script, home, env, logFile, show }: NodeChild,
  onStarted: (process: ServerProcess) => void,
) {
  const logStart = statSync(logFile, { throwIfNoEntry: false })?.size ?? 0;
  const child = spawn(process.execPath, [script, `--home=${home}`], {
    // A session of its own: Ctrl-C reaches only us, and we end the parts in order.
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    env,
  });
  if (child.stdout !== null) keepOutput(child.stdout, logFile, show, false);
  if (child.stderr !== null) keepOutput(child.stderr, logFile, show, true);
  const ready = new Promise<string>((said) => {
    child.on('message', (message) => {
      const parsed = Ready.safeParse(message);
      if (parsed.success) said(parsed.data.url);
    });
  });
  const closed = new Promise<void>((over) => child.once('close', () => over()));
  const own = await ownProcess(child, () => readEnd(logFile, logStart));
  onStarted(own);
  return { process: own, ready, closed };
}
