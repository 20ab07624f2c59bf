import type { Database } from '../../postgres/database.ts';
import { countLines, type Lines } from '../../postgres/lines.ts';
import { metricsLimits } from '../limits.ts';

/**
 * The queued and running releases, cached for {@link metricsLimits.linesMs}, so that more frequent scrapes cost nothing. Null when the
 * record is unreachable, because an old number would look like a current one.
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
