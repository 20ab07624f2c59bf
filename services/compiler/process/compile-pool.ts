import { spawn, type ChildProcess } from 'node:child_process';
import { setPriority } from 'node:os';
import { fileURLToPath } from 'node:url';

import { compileLimits } from '../../../core/limits/compile-limits.ts';
import { processLimits } from '../limits.ts';
import { compileEnvironment } from './process-environment.ts';

/** A process that compiles one source at a time. */
export interface CompileProcess {
  readonly child: ChildProcess;
  /** The beginning of what it wrote on its standard error: why it died. Printable, and short. */
  readonly lastWords: () => string;
}

export interface CompilePool {
  /** The idle process that started first. Past `threads` that are taken at a time, it may be one that has only now been started. */
  readonly take: () => CompileProcess;
  /** Back after a compilation. A process that has been ended is replaced. */
  readonly giveBack: (taken: CompileProcess) => void;
  readonly close: () => void;
}

export interface PoolLimits {
  readonly threads: number;
  readonly heapMiB: number;
  readonly youngHeapMiB: number;
}

/**
 * Compile processes: one for each place, and one in reserve. A process that has to be ended is replaced at once, which takes up to two seconds on
 * a busy machine. The next compilation meanwhile gets the one in reserve. Only when several are ended within the time that one takes to start
 * does a compilation wait for that.
 *
 * They are processes and not threads because of what threads share: a thread can read the environment of its process, and a thread that crashes or
 * runs out of memory outside of the heap takes the API along.
 */
export function compilePool(limits: PoolLimits): CompilePool {
  /** In the order in which they were started. */
  const all = new Set<CompileProcess>();
  const taken = new Set<CompileProcess>();
  let closed = false;
  const add = (): CompileProcess => {
    const started = startProcess(limits);
    all.add(started);
    started.child.once('exit', () => all.delete(started));
    return started;
  };
  /** One that was killed stays in the list until its exit is known. */
  const alive = (): CompileProcess[] => [...all].filter(isAlive);
  const refill = (): void => {
    for (let nth = alive().length; nth < limits.threads + processLimits.reserve; nth++) add();
  };
  refill();
  return {
    take: () => {
      if (closed) throw new Error('the compiler is closed');
      const next = alive().find((one) => !taken.has(one)) ?? add();
      taken.add(next);
      refill();
      return next;
    },
    giveBack: (one) => {
      taken.delete(one);
      if (!closed) refill();
    },
    close: () => {
      closed = true;
      for (const { child } of all) child.kill('SIGKILL');
    },
  };
}

function isAlive({ child }: CompileProcess): boolean {
  return child.exitCode === null && child.signalCode === null && !child.killed && child.connected;
}

function startProcess({ heapMiB, youngHeapMiB }: PoolLimits): CompileProcess {
  // The name of the file is not an import, so that nobody rewrites its ending when this is compiled.
  const ending = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  const child = spawn(
    process.execPath,
    [
      `--max-old-space-size=${heapMiB}`,
      // Three semi-spaces make a young generation.
      `--max-semi-space-size=${Math.ceil(youngHeapMiB / 3)}`,
      // To tell after a compilation what of its memory is still in use.
      '--expose-gc',
      fileURLToPath(new URL(`compile-process.${ending}`, import.meta.url)),
    ],
    {
      env: compileEnvironment(process.env),
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      serialization: 'advanced',
    },
  );
  giveWay(child.pid);
  // Whoever waits for the process learns from its exit; an error here only says that a message did not reach it.
  child.on('error', () => undefined);
  let words = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    if (words.length < processLimits.lastWordsChars) words += chunk.toString('latin1');
  });
  return {
    child,
    lastWords: () =>
      words
        .slice(0, processLimits.lastWordsChars)
        .replaceAll(/[^ -~]+/g, ' ')
        .trim(),
  };
}

function giveWay(pid: number | undefined): void {
  try {
    if (pid !== undefined) setPriority(pid, compileLimits.niceness);
  } catch {
    // A sandbox may forbid it. The process is then as fast as the others.
  }
}
