import { Piscina } from 'piscina';

import { PointsmanError } from '../../core/errors.ts';

export interface ReadingThreadLimits {
  readonly threads: number;
  /** Tasks that wait for it. */
  readonly queued: number;
  readonly heapMiB: number;
  /** One task; past this the thread is ended. */
  readonly timeoutMs: number;
}

/** Reads what somebody else made, in a thread of its own, so that unpacking and hashing stops nobody else's work. */
export interface ReadingThread<T, R> {
  /** Takes the bytes over. Throws `busy` when too many wait, and `too_large` for what is past the thread's memory or time. */
  read(task: T): Promise<R>;
  close(): Promise<void>;
}

/**
 * @param file the thread's own module, which exports `readInThread`
 * @param what is read, in the words of the refusals
 */
export function startReadingThread<T extends { readonly bytes: Uint8Array<ArrayBuffer> }, R>(
  file: URL,
  limits: ReadingThreadLimits,
  what = 'source',
): ReadingThread<T, R> {
  const pool = new Piscina<T, R>({
    filename: file.href,
    name: 'readInThread',
    minThreads: limits.threads,
    maxThreads: limits.threads,
    idleTimeout: Number.POSITIVE_INFINITY,
    // Waiting with Atomics would block the thread's event loop, on which it unpacks.
    atomics: 'disabled',
    resourceLimits: { maxOldGenerationSizeMb: limits.heapMiB },
  });
  // Whoever waited for a thread that died has been told.
  pool.on('error', () => undefined);
  return {
    async read(task) {
      if (pool.queueSize >= limits.queued) {
        throw new PointsmanError(
          'busy',
          `Too many ${what}s wait to be read; send this one again in a moment.`,
        );
      }
      const signal = AbortSignal.timeout(limits.timeoutMs);
      try {
        return await pool.run(task, { transferList: [task.bytes.buffer], signal });
      } catch (cause) {
        if (!signal.aborted && !isOutOfMemory(cause)) throw cause;
        const words = `Reading the ${what} took more time or memory than a ${what} may take.`;
        throw new PointsmanError('too_large', words, { cause });
      }
    },
    close: () => pool.destroy(),
  };
}

/** The name of a thread's file is not an import, so that nobody rewrites its ending when this is compiled. */
export function threadFile(name: string, from: string): URL {
  return new URL(`./${name}.${from.endsWith('.ts') ? 'ts' : 'js'}`, from);
}

function isOutOfMemory(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ERR_WORKER_OUT_OF_MEMORY';
}
