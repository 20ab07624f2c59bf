import type { Database } from '../../postgres/database.ts';
import { countLines, type Lines } from '../../postgres/lines.ts';
import { metricsLimits } from '../limits.ts';

/**
 * Counts the queued and the running releases. The result is cached for {@link metricsLimits.linesMs}, so that more frequent scrapes cause
 * no queries. It is null when the database is unreachable, because an outdated number would look current.
 */
export function cachedLines(db: Database): () => Promise<Lines | null> {
  let readAt = -Infinity;
  let latest: Promise<Lines | null> = Promise.resolve(null);
  return () => {
    if (performance.now() - readAt > metricsLimits.linesMs) {
      readAt = performance.now();
      latest = countLines(db).catch(() => null);
    }
    return latest;
  };
}
