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
 * Creates a function that parses the manifests of external compilers in the thread. If a manifest exceeds the limit
 * of memory or time, the result is a problem. If too many manifests wait, the function throws, and Restate retries
 * the durable step.
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
