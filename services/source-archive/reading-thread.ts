import { Piscina } from 'piscina';
import type { Logger } from 'pino';

import { PointsmanError } from '@pointsman/protocol/errors';
import { fairQueue, type FairQueueLimits } from '../compiler/turns/fair-queue.ts';

export interface ReadingThreadLimits extends FairQueueLimits {
  readonly heapMiB: number;
  /** The time limit for one task, from its start. The thread is then terminated. */
  readonly timeoutMs: number;
}

/** Reads untrusted data in a separate thread, so that unpacking and hashing do not block the event loop. */
export interface ReadingThread<T, R> {
  /**
   * Reads the bytes and takes ownership of them. Tenants take turns. Throws `busy` when too many tasks wait, in total
   * or of this tenant. Throws `too_large` if a task exceeds the memory or time limit of the thread, or the stack or
   * string length of the JavaScript engine.
   */
  read(tenant: string, task: T): Promise<R>;
  close(): Promise<void>;
}

/**
 * Starts a thread that reads untrusted data.
 *
 * @param file the thread's module, which exports `readInThread`
 * @param log receives defects of the reading code, which are hidden from the caller
 * @param what the kind of data, for error messages
 */
export function startReadingThread<T extends { readonly bytes: Uint8Array<ArrayBuffer> }, R>(
  file: URL,
  limits: ReadingThreadLimits,
  log: Pick<Logger, 'error'>,
  what = 'source',
): ReadingThread<T, R> {
  const pool = new Piscina<T, R>({
    filename: file.href,
    name: 'readInThread',
    minThreads: limits.threads,
    maxThreads: limits.threads,
    idleTimeout: Number.POSITIVE_INFINITY,
    // Waiting with Atomics would block the thread's event loop, which unpacks archives.
    atomics: 'disabled',
    resourceLimits: { maxOldGenerationSizeMb: limits.heapMiB },
  });
  // The caller of the task has already received the error.
  pool.on('error', () => undefined);
  const queue = fairQueue(limits);
  const runTask = async (task: T): Promise<{ readonly result: R }> => {
    // The time limit starts here, because the time in the queue depends on other tasks.
    const signal = AbortSignal.timeout(limits.timeoutMs);
    try {
      return { result: await pool.run(task, { transferList: [task.bytes.buffer], signal }) };
    } catch (cause) {
      // A RangeError comes from the JavaScript engine: the input caused a recursion that is too deep, or a regular
      // expression or string that is too large. Other inputs are unaffected.
      const isDefect = cause instanceof RangeError;
      if (isDefect) log.error({ err: cause, what }, 'an input exceeded a limit of the JavaScript engine');
      if (!signal.aborted && !isOutOfMemory(cause) && !isDefect) throw cause;
      const detail = `Reading the ${what} exceeded the limit of time or memory.`;
      throw new PointsmanError('too_large', detail, { cause });
    }
  };
  return {
    async read(tenant, task) {
      const ended = await queue.run(tenant, () => runTask(task));
      if (ended !== 'busy') return ended.result;
      throw new PointsmanError('busy', `Too many ${what}s are waiting to be read; try again in a moment.`);
    },
    async close() {
      queue.close();
      await pool.destroy();
    },
  };
}

/**
 * Returns the URL of a thread's module. The TypeScript compiler does not adapt the extension of a path in a string, so
 * it is derived from the extension of the calling module.
 */
export function threadFile(name: string, from: string): URL {
  return new URL(`./${name}.${from.endsWith('.ts') ? 'ts' : 'js'}`, from);
}

function isOutOfMemory(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ERR_WORKER_OUT_OF_MEMORY';
}
