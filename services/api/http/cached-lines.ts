import type { Database } from '../../postgres/database.ts';
import { countLines, type Lines } from '../../postgres/lines.ts';
import { metricsLimits } from '../limits.ts';

/**
 * The lines as they were when somebody last looked, at most {@link metricsLimits.linesMs} ago: whoever scrapes more often costs nothing
 * more. Null when the record does not answer, since a number of before would look like one of now.
 */
export function cachedLines(db: Database): () => Promise<Lines | null> {
  let lookedAt = -Infinity;
  let latest: Promise<Lines | null> = Promise.resolve(null);
  return () => {
    if (performance.now() - lookedAt > metricsLimits.linesMs) {
      lookedAt = performance.now();
      latest = countLines(db).catch(() => null);
    }
    return latest;
  };
}
