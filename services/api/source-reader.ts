import { Piscina } from 'piscina';

import { PointsmanError } from '../../core/errors.ts';
import { sourceBodyLimits } from './limits.ts';
import type { SourceBody } from './source-body.ts';
import type { SourceBodyTask } from './source-body-thread.ts';

/** Reads publish bodies in a thread of its own, so that unpacking and hashing 32 MiB stops nobody else's request. */
export interface SourceReader {
  /** Takes the bytes over. Throws `busy` when too many wait, and `too_large` for what is past the thread's memory or time. */
  read(task: SourceBodyTask): Promise<SourceBody>;
  close(): Promise<void>;
}

export function startSourceReader(): SourceReader {
  const pool = startThread();
  return {
    async read(task) {
      if (pool.queueSize >= sourceBodyLimits.queued) {
        throw new PointsmanError(
          'busy',
          'Too many sources wait to be read; send this one again in a moment.',
        );
      }
      const signal = AbortSignal.timeout(sourceBodyLimits.timeoutMs);
      try {
        return await pool.run(task, { transferList: [task.bytes.buffer], signal });
      } catch (cause) {
        if (!signal.aborted && !isOutOfMemory(cause)) throw cause;
        throw new PointsmanError(
          'too_large',
          'Reading the source took more time or memory than a source may take.',
          { cause },
        );
      }
    },
    close: () => pool.destroy(),
  };
}

function startThread(): Piscina<SourceBodyTask, SourceBody> {
  // The name of the file is not an import, so that nobody rewrites its ending when this is compiled.
  const ending = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  const pool = new Piscina<SourceBodyTask, SourceBody>({
    filename: new URL(`./source-body-thread.${ending}`, import.meta.url).href,
    name: 'readInThread',
    minThreads: sourceBodyLimits.threads,
    maxThreads: sourceBodyLimits.threads,
    idleTimeout: Number.POSITIVE_INFINITY,
    // Waiting with Atomics would block the thread's event loop, on which it unpacks.
    atomics: 'disabled',
    resourceLimits: { maxOldGenerationSizeMb: sourceBodyLimits.heapMiB },
  });
  // Whoever waited for a thread that died has been told.
  pool.on('error', () => undefined);
  return pool;
}

function isOutOfMemory(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ERR_WORKER_OUT_OF_MEMORY';
}
