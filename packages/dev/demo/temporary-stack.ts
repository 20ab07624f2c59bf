import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { demoLimits } from './limits.ts';

/** A complete Pointsman installation in a temporary folder, which is deleted at the end. */
export interface TemporaryStack {
  /** The environment variables with which commands use this stack. */
  readonly env: Readonly<Record<string, string>>;
  /** A folder for the files of the demo itself. It is deleted with the stack. */
  readonly folder: string;
  /** Stops all processes of the stack and deletes its folder. Idempotent. */
  stop(): Promise<void>;
}

/**
 * Starts a temporary stack. The stack stops when this process ends, whatever the reason. If the start fails
 * or `signal` aborts it, the stack is removed, and the error contains the end of the stack's output.
 */
export async function startTemporaryStack(signal: AbortSignal): Promise<TemporaryStack> {
  const folder = await mkdtemp(join(tmpdir(), 'pointsman-demo-'));
  const TMPDIR = join(folder, 'tmp');
  await mkdir(TMPDIR);
  const env = { ...ownEnvironment(), TMPDIR, POINTSMAN_HOME: join(folder, 'home'), POINTSMAN_PORT: '0' };
  const child = spawn(process.execPath, [stackMain()], {
    cwd: folder,
    // The stack runs in its own session. Ctrl-C therefore reaches only this process, which stops the stack in
    // order. If this process is killed, the IPC channel closes, and the stack stops by itself.
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    env,
  });
  const output: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => output.push(text));
  }
  const exited = once(child, 'exit');
  let stopping: Promise<void> | null = null;
  const stop = () =>
    (stopping ??= end(child, exited, env.POINTSMAN_HOME).then(() =>
      rm(folder, { recursive: true, force: true }),
    ));
  try {
    await waitUntilReady(child, join(env.POINTSMAN_HOME, 'api-url'), signal);
    return { env, folder, stop };
  } catch (error) {
    await stop();
    if (signal.aborted) throw error;
    const last = output.join('').trimEnd().split('\n').slice(-demoLimits.lastLines);
    throw new Error(`Pointsman did not start:\n${last.join('\n')}`, { cause: error });
  }
}

/**
 * Returns the environment of this process, without the variables that would change the configuration of the
 * stack.
 */
function ownEnvironment(): Record<string, string> {
  const foreign = /^(?:POINTSMAN_|DATABASE_|RESTATE_|REDIS_URL$|AMQP_URL$)/;
  const entries = Object.entries(process.env).filter(([name]) => !foreign.test(name));
  return Object.fromEntries(entries.map(([name, value]) => [name, value ?? '']));
}

function stackMain(): string {
  const ending = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  return fileURLToPath(new URL(`../stack/main.${ending}`, import.meta.url));
}

// Waits until the stack has written the URL of the API to a file. The stack does that last, when all its
// processes are ready.
async function waitUntilReady(child: ChildProcess, urlFile: string, signal: AbortSignal): Promise<void> {
  const deadline = performance.now() + demoLimits.startMs;
  while (performance.now() < deadline) {
    signal.throwIfAborted();
    if (child.exitCode !== null || child.signalCode !== null) throw new Error('it ended');
    const url = await readFile(urlFile, 'utf8').catch(() => '');
    if (url !== '') return;
    await delay(demoLimits.pollMs);
  }
  throw new Error(`it was not ready within ${demoLimits.startMs} ms`);
}

async function end(child: ChildProcess, exited: Promise<unknown>, home: string): Promise<void> {
  child.kill('SIGTERM');
  const late = setTimeout(() => child.kill('SIGKILL'), demoLimits.stopMs);
  await exited;
  clearTimeout(late);
  // If the stack was killed, its watchdog ends the remaining servers and then deletes this file.
  const deadline = performance.now() + demoLimits.stopMs;
  while (existsSync(join(home, 'run', 'holder.json')) && performance.now() < deadline)
    await delay(demoLimits.pollMs);
}
