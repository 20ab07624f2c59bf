import type { Logger } from 'pino';

import { archiveReaderLimits } from './limits.ts';
import { type ReadingThread, startReadingThread, threadFile } from './reading-thread.ts';
import type { RepositoryTask } from './repository-thread.ts';
import type { ReadArchive } from './tar-archive.ts';

export type RepositoryReader = ReadingThread<RepositoryTask, ReadArchive>;

export function startRepositoryReader(log: Pick<Logger, 'error'>): RepositoryReader {
  return startReadingThread(threadFile('repository-thread', import.meta.url), archiveReaderLimits, log);
}
