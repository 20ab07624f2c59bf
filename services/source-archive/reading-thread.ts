import { Piscina } from 'piscina';
import type { Logger } from 'pino';

import { PointsmanError } from '@pointsman/protocol/errors';
import { fairQueue, type FairQueueLimits } from '../compiler/turns/fair-queue.ts';

export interface ReadingThreadLimits extends FairQueueLimits {
  readonly heapMiB: number;
  /**
   * The maximum time for one task, without its time in the queue. The thread is terminated when the limit is reached.
   */
  readonly timeoutMs: number;
}

/** Reads untrusted data in a separate thread, so that unpacking, parsing and hashing do not block the event loop. */
export interface ReadingThread<T, R> {
  /**
   * Runs a task in the thread. The thread takes ownership of the bytes, so the caller must not use them afterwards.
   * Tenants take turns. Throws `busy` if too many tasks wait, either in total or of this tenant. Throws `too_large`
   * if the task exceeds the thread's limit of memory or time, or a limit of the JavaScript engine such as the stack
   * size.
   */
  read(tenant: string, task: T): Promise<R>;
  close(): Promise<void>;
}

/**
 * Creates a reader of untrusted data. Its thread is started by the first task, and then kept.
 * @param file the module that the thread runs; it must export `readInThread`
 * @param log the log for errors of the JavaScript engine, whose details the caller does not get
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
    minThreads: 0,
    maxThreads: limits.threads,
    idleTimeout: Number.POSITIVE_INFINITY,
    // The option `atomics` is disabled. With it, an idle thread blocks its event loop, which is needed to unpack
    // archives.
    atomics: 'disabled',
    resourceLimits: { maxOldGenerationSizeMb: limits.heapMiB },
  });
  // The error event of the pool is ignored, because the caller of the task gets the same error.
  pool.on('error', () => undefined);
  const queue = fairQueue(limits);
  const runTask = async (task: T): Promise<{ readonly result: R }> => {
    // The timer starts when the task starts, so that the time in the queue does not count.
    const signal = AbortSignal.timeout(limits.timeoutMs);
    try {
      return { result: await pool.run(task, { transferList: [task.bytes.buffer], signal }) };
    } catch (cause) {
      // The JavaScript engine throws a RangeError if the input causes too deep a recursion, or too large a regular
      // expression or string. Other inputs are not affected, so the error is handled like an exceeded limit.
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
 * Returns the URL of a module that a thread runs. The TypeScript compiler does not change the extension of a path in
 * a string. The extension is therefore that of the calling module `from`.
 */
export function threadFile(name: string, from: string): URL {
  return new URL(`./${name}.${from.endsWith('.ts') ? 'ts' : 'js'}`, from);
}

function isOutOfMemory(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ERR_WORKER_OUT_OF_MEMORY';
}
