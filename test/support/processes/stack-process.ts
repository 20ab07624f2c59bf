import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Environment } from '../../../services/config/read-settings.ts';
import { compileCache } from '../runs/compile-cache.ts';

/** `npm start` in its own process, with stand-ins, so a test can kill it. */
export interface StackProcess {
  readonly process: ChildProcess;
  /** Returns everything that the process has printed. */
  output(): string;
  /** Resolves with the API's address when the process prints that it is ready. Rejects with the process's output if it ends before that. */
  readonly ready: Promise<string>;
  /** Resolves with the exit code when the process has ended; null if a signal ended it. */
  readonly ended: Promise<number | null>;
}

/**
 * Starts the process with only the given environment. The working directory is `/`, so the result does not depend on the folder in which
 * the tests run.
 */
export function spawnStack(env: Environment, { uid }: { uid?: number } = {}): StackProcess {
  const script = fileURLToPath(new URL('./stack-main.ts', import.meta.url));
  const child = spawn(process.execPath, [script], {
    env: { PATH: process.env.PATH, ...compileCache, POINTSMAN_PORT: '0', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    cwd: '/',
    ...(uid === undefined ? {} : { uid, gid: uid }),
  });
  let text = '';
  const { promise: ready, resolve, reject } = Promise.withResolvers<string>();
  ready.catch(() => undefined);
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      const url = /^ {2}API +(http:\S+)$/m.exec(text)?.[1];
      if (url !== undefined && text.includes('  Data ')) resolve(url);
    });
  }
  const ended = once(child, 'exit').then(([code]) => code as number | null);
  void once(child, 'close').then(() => reject(new Error(`the stack ended:\n${text}`)));
  return { process: child, output: () => text, ready, ended };
}
