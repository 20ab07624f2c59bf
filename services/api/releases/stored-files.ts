import { PointsmanError } from '@pointsman/protocol/errors';
import { sourceLimits } from '@pointsman/protocol/limits';
import { storedSizes } from '../../postgres/content/blobs.ts';
import { missingContent } from '../../postgres/content/sources.ts';
import type { Database } from '../../postgres/database.ts';
import { contentsOf, type ReadSource } from '../../source-archive/read-source.ts';

/**
 * Completes a source whose request names some files only by the digest of stored content: looks up their sizes. Throws `missing_content` if
 * a content is not stored, and `too_large` if the files exceed a limit of a source.
 */
export async function withStoredFiles<T extends ReadSource>(
  db: Database,
  tenant: string,
  source: T,
): Promise<T> {
  const sizes = new Map([...contentsOf(source)].map(([digest, content]) => [digest, content.byteLength]));
  const named = source.tree.entries.map(({ digest }) => digest).filter((digest) => !sizes.has(digest));
  for (const [digest, size] of await storedSizes(db, tenant, named)) sizes.set(digest, size);
  const missing = new Set(named.filter((digest) => !sizes.has(digest)));
  if (missing.size > 0) throw missingContent([...missing]);
  const entries = source.tree.entries.map((entry) => ({ ...entry, size: sizes.get(entry.digest) ?? 0 }));
  const largest = entries.find(({ size }) => size > sourceLimits.fileBytes);
  if (largest !== undefined) {
    throw new PointsmanError(
      'too_large',
      `${largest.path} has ${largest.size} bytes; the limit for a file is ${sourceLimits.fileBytes}.`,
    );
  }
  if (entries.reduce((sum, { size }) => sum + size, 0) > sourceLimits.totalBytes) {
    throw new PointsmanError(
      'too_large',
      `The files exceed the limit of ${sourceLimits.totalBytes} bytes for a source.`,
    );
  }
  return { ...source, tree: { ...source.tree, entries } };
}
