import { type ReadingThread, startReadingThread, threadFile } from '../source-archive/reading-thread.ts';
import { sourceBodyLimits } from './limits.ts';
import type { SourceBody } from './source-body.ts';
import type { SourceBodyTask } from './source-body-thread.ts';

/** Reads publish bodies in a thread of its own, so that unpacking and hashing 32 MiB stops nobody else's request. */
export type SourceReader = ReadingThread<SourceBodyTask, SourceBody>;

export function startSourceReader(): SourceReader {
  return startReadingThread(threadFile('source-body-thread', import.meta.url), sourceBodyLimits);
}
