import type { Logger } from 'pino';

import { PointsmanError } from '@pointsman/protocol/errors';
import type { ReadManifest } from '@pointsman/protocol/artifacts/oci-manifest';
import type { ManifestReader } from '../../postgres/releases/callback-artifacts.ts';
import { type ReadingThread, startReadingThread, threadFile } from '../../source-archive/reading-thread.ts';
import { manifestReaderLimits } from '../limits.ts';
import type { ManifestTask } from './manifest-thread.ts';

export function startManifestReader(log: Pick<Logger, 'error'>): ReadingThread<ManifestTask, ReadManifest> {
  return startReadingThread(
    threadFile('manifest-thread', import.meta.url),
    manifestReaderLimits,
    log,
    'manifest',
  );
}

/**
 * Creates a reader that parses manifests from external compilers in the thread. A manifest that exceeds the memory or
 * time limit is reported as a problem. While too many manifests wait, the reader throws, and the durable step retries.
 */
export function manifestsIn(thread: ReadingThread<ManifestTask, ReadManifest>): ManifestReader {
  return async (tenant, bytes) => {
    try {
      return await thread.read(tenant, { bytes });
    } catch (error) {
      if (!(error instanceof PointsmanError) || error.code !== 'too_large') throw error;
      return { kind: 'problem', problem: error.message };
    }
  };
}
