import { pipeline } from 'node:stream';
import { createGzip } from 'node:zlib';

import { type Pack, pack } from 'tar-stream';

import { callbackLimits } from '../../../core/limits/callout-limits.ts';
import type { SourceEntry, SourceTree } from '@pointsman/protocol/releases/source';
import { readBlobs } from '../../postgres/content/blobs.ts';
import type { Database } from '../../postgres/database.ts';
import type { LoadedSource } from '../../postgres/content/sources.ts';

/**
 * Packs a source as a tar.gz. Equal sources give equal archives: an archive contains only regular files, sorted by path, without times,
 * owners or host data. Files are read from the database as the consumer reads the archive. At most {@link callbackLimits.sourceBatchBytes}
 * are in memory at a time.
 */
export function sourceArchive(
  db: Database,
  tenant: string,
  source: LoadedSource,
): ReadableStream<Uint8Array> {
  const archive = pack();
  const gzip = createGzip();
  let chunks: AsyncIterator<Uint8Array> | null = null;
  const begin = (): AsyncIterator<Uint8Array> => {
    pipeline(archive, gzip, () => {});
    packInto(archive, db, tenant, source).catch((error: unknown) => {
      archive.destroy(error instanceof Error ? error : new Error('the source could not be packed'));
    });
    const read: AsyncIterable<Uint8Array> = gzip;
    return read[Symbol.asyncIterator]();
  };
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        chunks ??= begin();
        const next = await chunks.next();
        if (next.done) controller.close();
        else controller.enqueue(next.value);
      },
      cancel() {
        archive.destroy();
        gzip.destroy();
      },
    },
    // Do not read from the database before the consumer reads: the body of a HEAD request is never read.
    { highWaterMark: 0 },
  );
}

/** The number of bytes in memory while the archive of a source is sent. It is the size of the largest batch of files. */
export function bytesHeldWhilePacking({ entries }: SourceTree): number {
  return Math.max(0, ...batches(entries).map((batch) => batch.reduce((bytes, { size }) => bytes + size, 0)));
}

async function packInto(archive: Pack, db: Database, tenant: string, source: LoadedSource): Promise<void> {
  for (const batch of batches(source.tree.entries)) {
    const away = batch.map(({ digest }) => digest).filter((digest) => !source.contents.has(digest));
    const read = await readBlobs(db, tenant, [...new Set(away)]);
    for (const { path, digest } of batch) {
      const content = source.contents.get(digest) ?? read.get(digest);
      if (!content) throw new Error(`${digest} of the source is not stored`);
      await packFile(archive, path, content);
    }
  }
  archive.finalize();
}

/** Adds a file to the archive. Resolves when the consumer has read the file, so a slow consumer delays the next file. */
function packFile(archive: Pack, path: string, content: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    const header = { name: path, size: content.byteLength, mode: 0o644, mtime: new Date(0) };
    const entry = archive.entry(header, (error) => (error ? reject(error) : resolve()));
    entry.end(content);
  });
}

function batches(entries: readonly SourceEntry[]): SourceEntry[][] {
  const found: SourceEntry[][] = [];
  let bytes = Infinity;
  for (const entry of entries) {
    if (bytes + entry.size > callbackLimits.sourceBatchBytes) {
      found.push([]);
      bytes = 0;
    }
    bytes += entry.size;
    found.at(-1)?.push(entry);
  }
  return found;
}
