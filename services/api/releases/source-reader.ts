import type { Logger } from 'pino';

import { type ReadingThread, startReadingThread, threadFile } from '../../source-archive/reading-thread.ts';
import { smallBodyThread, sourceBodyLimits } from '../limits.ts';
import type { SourceBody } from './source-body.ts';
import type { SourceBodyTask } from './source-body-thread.ts';

/** Reads the bodies of publishes in threads, because unpacking and hashing 32 MiB on the event loop would block all other requests. */
export type SourceReader = ReadingThread<SourceBodyTask, SourceBody>;

/**
 * Starts two threads, each with a queue that serves tenants in turn. Small JSON bodies have their own thread, because they take little time
 * to read. Even a small archive can take long: a few kilobytes may unpack to 32 MiB.
 */
export function startSourceReader(log: Pick<Logger, 'error'>): SourceReader {
  const file = threadFile('source-body-thread', import.meta.url);
  const small = startReadingThread<SourceBodyTask, SourceBody>(file, smallBodyThread, log);
  const any = startReadingThread<SourceBodyTask, SourceBody>(file, sourceBodyLimits, log);
  return {
    read: (tenant, task) => (isSmall(task) ? small : any).read(tenant, task),
    async close() {
      await Promise.all([small.close(), any.close()]);
    },
  };
}

function isSmall({ format, bytes }: SourceBodyTask): boolean {
  return format === 'json' && bytes.byteLength <= sourceBodyLimits.smallJsonBytes;
}
