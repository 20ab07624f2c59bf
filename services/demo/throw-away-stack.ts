import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { demoLimits } from './limits.ts';

/** A whole Pointsman of its own, in a folder that goes when it goes. */
export interface ThrowAwayStack {
  /** What a command needs to reach it. */
  readonly env: Readonly<Record<string, string>>;
  /** A folder for the demo's own files, which goes too. */
  readonly folder: string;
  /** Ends every process of it and removes the folder. May be called at any time, and twice. */
  stop(): Promise<void>;
}

/**
 * Starts one, which stops when this process ends, however it does. When it does not come up, or `signal` ends the wait, nothing is left of it
 * and what it said is thrown.
 */
export async function startThrowAwayStack(signal: AbortSignal): Promise<ThrowAwayStack> {
  const folder = await mkdtemp(join(tmpdir(), 'pointsman-demo-'));
  const TMPDIR = join(folder, 'tmp');
  await mkdir(TMPDIR);
  const env = { ...ownEnvironment(), TMPDIR, POINTSMAN_HOME: join(folder, 'home'), POINTSMAN_PORT: '0' };
  const child = spawn(process.execPath, [stackMain()], {
    cwd: folder,
    // A session of its own: Ctrl-C reaches only us, and we end it in order. The channel is its life line: when we are killed, it stops.
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    env,
  });
  const words: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => words.push(text));
  }
  const exited = once(child, 'exit');
  let stopping: Promise<void> | null = null;
  const stop = () =>
    (stopping ??= end(child, exited, env.POINTSMAN_HOME).then(() =>
      rm(folder, { recursive: true, force: true }),
    ));
  try {
    await serving(child, join(env.POINTSMAN_HOME, 'api-url'), signal);
    return { env, folder, stop };
  } catch (error) {
    await stop();
    if (signal.aborted) throw error;
    const last = words.join('').trimEnd().split('\n').slice(-demoLimits.lastLines);
    throw new Error(`Pointsman did not start:\n${last.join('\n')}`, { cause: error });
  }
}

/** The environment without anything that would make this another stack than the embedded one. */
function ownEnvironment(): Record<string, string> {
  const foreign = /^(?:POINTSMAN_|DATABASE_|RESTATE_|REDIS_URL$|AMQP_URL$)/;
  const entries = Object.entries(process.env).filter(([name]) => !foreign.test(name));
  return Object.fromEntries(entries.map(([name, value]) => [name, value ?? '']));
}

function stackMain(): string {
  const ending = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  return fileURLToPath(new URL(`../stack/main.${ending}`, import.meta.url));
}

// The stack writes the API's address when everything serves, as its last step.
async function serving(child: ChildProcess, urlFile: string, signal: AbortSignal): Promise<void> {
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
  // A stack that was killed leaves its servers to its warden, which takes this note away when it has ended them.
  const deadline = performance.now() + demoLimits.stopMs;
  while (existsSync(join(home, 'run', 'holder.json')) && performance.now() < deadline)
    await delay(demoLimits.pollMs);
}
