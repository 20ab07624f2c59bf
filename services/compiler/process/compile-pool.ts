import { spawn, type ChildProcess } from 'node:child_process';
import { setPriority } from 'node:os';
import { fileURLToPath } from 'node:url';

import { compileLimits } from '../../../core/limits/compile-limits.ts';
import { processLimits } from '../limits.ts';
import { compileEnvironment } from './process-environment.ts';

/** A process that compiles one source at a time. */
export interface CompileProcess {
  readonly child: ChildProcess;
  /** The start of the process's standard error, as short printable text, which usually shows why it died. */
  readonly stderrText: () => string;
}

export interface CompilePool {
  /** Takes the idle process that started first. If none is idle, takes a new process that is still starting. */
  readonly take: () => CompileProcess;
  /** Returns a process after a compilation. A dead process is replaced. */
  readonly giveBack: (taken: CompileProcess) => void;
  readonly close: () => void;
}

export interface PoolLimits {
  readonly threads: number;
  readonly heapMiB: number;
  readonly youngHeapMiB: number;
}

/**
 * A pool of at most `threads` compile processes and a spare process. It starts with the spare process alone. It keeps as many others as were
 * ever in use at the same time, because an idle process takes 100 MB. A killed process is replaced immediately. Its replacement takes up to
 * two seconds to start on a busy machine, and in the meantime the next compilation gets the spare process. A compilation waits for a start
 * only if several processes are killed or first needed in that time.
 *
 * The pool uses processes instead of threads, because a thread can read the environment of its process, and a thread that crashes or runs
 * out of memory outside the heap also ends the API.
 */
export function compilePool(limits: PoolLimits): CompilePool {
  /** All processes, in the order in which they started. */
  const all = new Set<CompileProcess>();
  const taken = new Set<CompileProcess>();
  /** The largest number of processes that were in use at the same time. */
  let mostTaken = 0;
  let closed = false;
  const add = (): CompileProcess => {
    const started = startProcess(limits);
    all.add(started);
    started.child.once('exit', () => all.delete(started));
    return started;
  };
  /** A killed process stays in `all` until its exit event. */
  const alive = (): CompileProcess[] => [...all].filter(isAlive);
  const refill = (): void => {
    const wanted = Math.min(mostTaken, limits.threads) + processLimits.reserve;
    for (let nth = alive().length; nth < wanted; nth++) add();
  };
  refill();
  return {
    take: () => {
      if (closed) throw new Error('the compiler is closed');
      const next = alive().find((one) => !taken.has(one)) ?? add();
      taken.add(next);
      mostTaken = Math.max(mostTaken, taken.size);
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
  // The TypeScript compiler changes extensions only in imports, so this path needs the extension of the running file.
  const ending = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  const child = spawn(
    process.execPath,
    [
      `--max-old-space-size=${heapMiB}`,
      // The young generation consists of three semi-spaces.
      `--max-semi-space-size=${Math.ceil(youngHeapMiB / 3)}`,
      // Lets the process collect garbage, to measure its live heap after a compilation.
      '--expose-gc',
      fileURLToPath(new URL(`compile-process.${ending}`, import.meta.url)),
    ],
    {
      env: compileEnvironment(process.env),
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      serialization: 'advanced',
    },
  );
  lowerPriority(child.pid);
  // Ignores the error: it only reports an undelivered message. The session handles the exit of the process.
  child.on('error', () => undefined);
  let stderr = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    if (stderr.length < processLimits.stderrChars) stderr += chunk.toString('latin1');
  });
  return {
    child,
    stderrText: () =>
      stderr
        .slice(0, processLimits.stderrChars)
        .replaceAll(/[^ -~]+/g, ' ')
        .trim(),
  };
}

function lowerPriority(pid: number | undefined): void {
  try {
    if (pid !== undefined) setPriority(pid, compileLimits.niceness);
  } catch {
    // A sandbox may forbid changing the priority. The process then keeps the normal priority.
  }
}
