import type { Logger } from 'pino';

import { type ReadingThread, startReadingThread, threadFile } from '../../source-archive/reading-thread.ts';
import { smallBodyThread, sourceBodyLimits } from '../limits.ts';
import type { SourceBody } from './source-body.ts';
import { readJsonSource } from './source-body-json.ts';
import type { SourceBodyTask } from './source-body-thread.ts';

/** Reads the bodies of publishes in threads, because unpacking and hashing 32 MiB on the event loop would block all other requests. */
export type SourceReader = ReadingThread<SourceBodyTask, SourceBody>;

/**
 * Starts two threads, each with a queue that serves tenants in turn. Small JSON bodies have their own thread, because they take little time
 * to read. Even a small archive can take long: a few kilobytes may unpack to 32 MiB.
 *
 * A JSON body of at most {@link sourceBodyLimits.directJsonBytes} is read directly, because sending it to a thread and back takes longer.
 */
export function startSourceReader(log: Pick<Logger, 'error'>): SourceReader {
  const file = threadFile('source-body-thread', import.meta.url);
  const small = startReadingThread<SourceBodyTask, SourceBody>(file, smallBodyThread, log);
  const any = startReadingThread<SourceBodyTask, SourceBody>(file, sourceBodyLimits, log);
  return {
    async read(tenant, task) {
      if (isJsonUpTo(sourceBodyLimits.directJsonBytes, task)) return readJsonSource(task.bytes);
      return (isJsonUpTo(sourceBodyLimits.smallJsonBytes, task) ? small : any).read(tenant, task);
    },
    async close() {
      await Promise.all([small.close(), any.close()]);
    },
  };
}

function isJsonUpTo(limit: number, { format, bytes }: SourceBodyTask): boolean {
  return format === 'json' && bytes.byteLength <= limit;
}
