import { spawn, type ChildProcess } from 'node:child_process';
import { setPriority } from 'node:os';
import { fileURLToPath } from 'node:url';

import { compileLimits } from '../../../core/limits/compile-limits.ts';
import { processLimits } from '../limits.ts';
import { compileEnvironment } from './process-environment.ts';

/** A process that compiles sources, one at a time. */
export interface CompileProcess {
  readonly child: ChildProcess;
  /** Returns the start of the process's standard error as printable ASCII text. It usually shows why a process died. */
  readonly stderrText: () => string;
}

export interface CompilePool {
  /**
   * Takes the free process that started first. If no process is free, starts another one and returns it immediately.
   */
  readonly take: () => CompileProcess;
  /** Reports that the compilation in a taken process has started. */
  readonly started: (taken: CompileProcess) => void;
  /** Returns a process to the pool after a compilation. If the process is dead, a new one is started. */
  readonly giveBack: (taken: CompileProcess) => void;
  readonly close: () => void;
}

export interface PoolLimits {
  readonly threads: number;
  readonly heapMiB: number;
  readonly youngHeapMiB: number;
}

/**
 * A pool of at most `threads` compile processes and one spare process. It starts a process when one is needed and keeps it: at first one,
 * later as many as were in use at the same time. An idle process takes 100 MB.
 *
 * The spare process is started when a compilation has run for {@link processLimits.spareAfterMs}, because only such a compilation may be
 * interrupted, which kills its process. A killed process is replaced immediately. The replacement takes up to two seconds to start on a
 * busy machine. During this time the next compilation uses the spare process. A compilation waits for a start only if several processes are
 * killed, or are needed for the first time, within this time.
 *
 * The pool uses processes instead of threads for two reasons. A thread can read the environment variables of its
 * process. Also, a thread that crashes or runs out of memory outside the heap ends the whole process.
 */
export function compilePool(limits: PoolLimits): CompilePool {
  /** All processes that have not exited, in the order in which they started. */
  const all = new Set<CompileProcess>();
  /** The processes in use, each with the timer that starts the spare process, if its compilation has started. */
  const taken = new Map<CompileProcess, NodeJS.Timeout | undefined>();
  /** The largest number of processes that were in use at the same time. */
  let mostTaken = 0;
  let closed = false;
  const add = (): CompileProcess => {
    const started = startProcess(limits);
    all.add(started);
    started.child.once('exit', () => all.delete(started));
    return started;
  };
  /** Returns the processes that are alive. `all` also contains killed processes that have not exited yet. */
  const alive = (): CompileProcess[] => [...all].filter(isAlive);
  const refill = (): void => {
    const wanted = Math.min(mostTaken, limits.threads) + processLimits.reserve;
    for (let nth = alive().length; nth < wanted; nth++) add();
  };
  add();
  return {
    take: () => {
      if (closed) throw new Error('the compiler is closed');
      const next = alive().find((one) => !taken.has(one)) ?? add();
      taken.set(next, undefined);
      mostTaken = Math.max(mostTaken, taken.size);
      return next;
    },
    started: (one) => {
      if (taken.has(one)) taken.set(one, setTimeout(refill, processLimits.spareAfterMs));
    },
    giveBack: (one) => {
      clearTimeout(taken.get(one));
      taken.delete(one);
      if (!closed && !isAlive(one)) refill();
    },
    close: () => {
      closed = true;
      for (const timer of taken.values()) clearTimeout(timer);
      for (const { child } of all) child.kill('SIGKILL');
    },
  };
}

function isAlive({ child }: CompileProcess): boolean {
  return child.exitCode === null && child.signalCode === null && !child.killed && child.connected;
}

function startProcess({ heapMiB, youngHeapMiB }: PoolLimits): CompileProcess {
  // The TypeScript compiler changes the extensions of imports, but not of this path. The extension is therefore that
  // of the running file.
  const ending = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  const child = spawn(
    process.execPath,
    [
      `--max-old-space-size=${heapMiB}`,
      // V8's young generation consists of three semi-spaces of this size.
      `--max-semi-space-size=${Math.ceil(youngHeapMiB / 3)}`,
      // The flag permits the process to run the garbage collector before it measures its live heap.
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
  // The error event means that a message could not be sent or the process could not be killed. It is ignored, because
  // the session handles the exit of the process.
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
    // A sandbox may forbid a change of the priority. The process then keeps the normal priority.
  }
}
