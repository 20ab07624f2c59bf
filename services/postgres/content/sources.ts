import { z } from 'zod';

import { PointsmanError } from '@pointsman/protocol/errors';
import { Digest } from '@pointsman/protocol/identifiers';
import type { SourceTree } from '@pointsman/protocol/releases/source';
import { type BlobContent, blobColumns, insertBlobs, missingBlobs } from './blobs.ts';
import { compilationColumns, type NewCompilation } from './compilations.ts';
import { CompiledContentMissing, documentsToStore, insertDocuments } from './compiled-documents.ts';
import type { Database } from '../database.ts';
import { answerOf } from '../rows.ts';

const Digests = z.array(Digest);
const Entries = z.array(z.object({ path: z.string(), digest: Digest, size: z.number() }));

/** The media type of all blobs of a source, because the store does not interpret source files. */
const MEDIA_TYPE = 'application/octet-stream';

/**
 * The maximum number of attempts to store a source. The sweep may delete blobs after the check that finds them. An
 * attempt locks all blobs that it finds, so usually the second attempt succeeds.
 */
const ROUNDS = 3;

/** The maximum number of digests in an error. A client sends all files again anyway. */
const MISSING_SHOWN = 10;

/**
 * The maximum total size of blobs that are stored by one statement. Larger sources are stored by several statements, so
 * that content that is already stored is not sent again.
 */
const FEW_BYTES = 256 * 1024;

/**
 * Stores a source, and its compilation if there is one, in one transaction. The sweep deletes both after an hour, unless
 * a release of the source was admitted. `contents` may lack files whose content is already stored.
 *
 * Throws `quota_exceeded` or `larger_than_quota` if a quota is exceeded, and `missing_content` if a content is neither
 * stored nor passed. Throws {@link CompiledContentMissing} if a content of the compilation is neither. In these cases
 * nothing is stored.
 */
export async function storeSource(
  db: Database,
  tenant: string,
  { digest, entries }: SourceTree,
  contents: ReadonlyMap<string, Uint8Array>,
  compilation: NewCompilation | null = null,
): Promise<void> {
  const files = [...new Set(entries.map((entry) => entry.digest))];
  const known = new Map<string, BlobContent>(
    files.flatMap((file) => {
      const content = contents.get(file);
      return content === undefined ? [] : [[file, { digest: file, mediaType: MEDIA_TYPE, content }] as const];
    }),
  );
  for (const blob of compilation?.blobs ?? []) known.set(blob.digest, blob);
  const documents = documentsToStore(entries.length, compilation?.documents ?? []);
  const columns = [digest, JSON.stringify(entries), ...compilationColumns(compilation)];
  const bytes = [...known.values()].reduce((sum, blob) => sum + blob.content.length, 0);
  // The statement protects only the blobs that it receives, so it must receive all blobs of the compilation.
  const isComplete = compilation === null || !compilation.lacksContent;
  if (isComplete && bytes <= FEW_BYTES && documents.length === 0) {
    const values = [...columns, ...blobColumns([...known.values()])];
    const rows = await db.answer(
      tenant,
      'store_source($1, $2, $3::jsonb, $4, $5::jsonb, $6, $7, $8)',
      values,
    );
    if (answerOf(Digests, rows).length === 0) return;
  }
  await db.tenant(tenant, async (query) => {
    // If the source is stored, all its blobs are also stored. They were stored in the same transaction, and are
    // retained as long as the source.
    if (
      compilation === null &&
      answerOf(z.boolean(), await query('SELECT touch_source($1, $2) AS answer', [tenant, digest]))
    )
      return;
    const named = [...new Set([...files, ...known.keys()])];
    let missing = [...(await missingBlobs(query, tenant, named))];
    let added = await insertDocuments(query, tenant, documents);
    for (let round = 0; round < ROUNDS; round++) {
      const blobs = missing.map((one) => {
        const blob = known.get(one);
        if (!blob) throw files.includes(one) ? missingContent([one]) : new CompiledContentMissing(one);
        return blob;
      });
      added += await insertBlobs(query, tenant, blobs);
      const values = [tenant, ...columns, added];
      const rows = await query('SELECT put_source($1, $2, $3::jsonb, $4, $5::jsonb, $6) AS answer', values);
      missing = answerOf(Digests, rows);
      if (missing.length === 0) return;
    }
    throw new PointsmanError(
      'unavailable',
      'the sweep deletes content of this source as soon as it is stored',
    );
  });
}

/** Returns the error for contents that are neither stored nor in the request. It lists the first of them. */
export function missingContent(digests: readonly string[]): PointsmanError {
  const missing = digests.slice(0, MISSING_SHOWN);
  const detail = `${digests.length} contents are not stored, such as ${missing[0]}. Send the files with their contents.`;
  return new PointsmanError('missing_content', detail, { details: { missing } });
}

/**
 * A source. `contents` contains the file contents only if the source is small, so that loading a small source takes
 * one round trip.
 */
export interface LoadedSource {
  readonly tree: SourceTree;
  readonly contents: ReadonlyMap<string, Uint8Array>;
}

const Loaded = z.object({ entries: Entries, contents: z.record(Digest, z.string()) });

/** Loads a source, or returns null if it is not stored. `withContents: false` never loads contents. */
export async function loadSource(
  db: Database,
  tenant: string,
  digest: string,
  { withContents = true }: { withContents?: boolean } = {},
): Promise<LoadedSource | null> {
  const rows = await db.answer(tenant, 'load_source($1, $2, $3)', [digest, withContents ? FEW_BYTES : -1]);
  const source = answerOf(Loaded.nullable(), rows);
  return source && loaded(digest, source);
}

function loaded(digest: string, { entries, contents }: z.infer<typeof Loaded>): LoadedSource {
  const read = Object.entries(contents).map(([name, text]): [string, Uint8Array] => [
    name,
    Buffer.from(text, 'base64'),
  ]);
  return { tree: { digest, entries }, contents: new Map(read) };
}
