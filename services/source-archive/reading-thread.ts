import { Piscina } from 'piscina';
import type { Logger } from 'pino';

import { PointsmanError } from '../../core/errors.ts';
import { fairQueue, type FairQueueLimits } from '../compiler/turns/fair-queue.ts';

export interface ReadingThreadLimits extends FairQueueLimits {
  readonly heapMiB: number;
  /** One task, from when a thread begins with it; past this the thread is ended. */
  readonly timeoutMs: number;
}

/** Reads what somebody else made, in a thread of its own: unpacking and hashing must not block the event loop. */
export interface ReadingThread<T, R> {
  /**
   * Takes the bytes over. Tenants take turns. Throws `busy` when too many tasks wait, of all or of that tenant, and `too_large` for a
   * task that exhausts the thread's memory or time, or the engine's stack or length of a string.
   */
  read(tenant: string, task: T): Promise<R>;
  close(): Promise<void>;
}

/**
 * @param file the thread's own module, which exports `readInThread`
 * @param log gets the defects of reading, which its caller is not told
 * @param what is read, in the words of the refusals
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
    // Waiting with Atomics would block the thread's event loop, on which it unpacks.
    atomics: 'disabled',
    resourceLimits: { maxOldGenerationSizeMb: limits.heapMiB },
  });
  // The caller of the task has been told already.
  pool.on('error', () => undefined);
  const queue = fairQueue(limits);
  const runTask = async (task: T): Promise<{ readonly result: R }> => {
    // The time begins here and not while the task waits: how long that takes depends on others.
    const signal = AbortSignal.timeout(limits.timeoutMs);
    try {
      return { result: await pool.run(task, { transferList: [task.bytes.buffer], signal }) };
    } catch (cause) {
      // Of the engine: a recursion, a regular expression or a string that the text made too large. Another text is read all the same.
      const isDefect = cause instanceof RangeError;
      if (isDefect) log.error({ err: cause, what }, 'a defect of reading, which a sender has found');
      if (!signal.aborted && !isOutOfMemory(cause) && !isDefect) throw cause;
      const detail = `Reading the ${what} took more time or memory than a ${what} may take.`;
      throw new PointsmanError('too_large', detail, { cause });
    }
  };
  return {
    async read(tenant, task) {
      const ended = await queue.run(tenant, () => runTask(task));
      if (ended !== 'busy') return ended.result;
      throw new PointsmanError('busy', `Too many ${what}s wait to be read; send this one again in a moment.`);
    },
    async close() {
      queue.close();
      await pool.destroy();
    },
  };
}

/** The name of a thread's file is not an import, so that nobody rewrites its ending when this is compiled. */
export function threadFile(name: string, from: string): URL {
  return new URL(`./${name}.${from.endsWith('.ts') ? 'ts' : 'js'}`, from);
}

function isOutOfMemory(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ERR_WORKER_OUT_OF_MEMORY';
}
