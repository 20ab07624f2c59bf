import { z } from 'zod';

import { PointsmanError } from '@pointsman/protocol/errors';
import { Digest, type ReleaseId } from '@pointsman/protocol/identifiers';
import { RemoteCompileRule } from '../../../core/policy.ts';
import type { SourceTree } from '@pointsman/protocol/releases/source';
import { type BlobContent, insertBlobs, missingBlobs } from './blobs.ts';
import type { Database } from '../database.ts';
import { answerOf } from '../rows.ts';

const Entries = z.array(z.object({ path: z.string(), digest: Digest, size: z.number() }));

/** The media type of all blobs of a source, because the store does not interpret source files. */
const MEDIA_TYPE = 'application/octet-stream';

/**
 * The maximum number of attempts to store a source. The sweep may delete blobs after the check that finds them. An
 * attempt locks all blobs that it finds, so usually the second attempt succeeds.
 */
const ROUNDS = 3;

/**
 * Stores a source, either completely or not at all. Content that is already stored is not sent again. The sweep
 * deletes the source after an hour, unless a release of it was admitted.
 *
 * Throws `quota_exceeded` or `larger_than_quota` if a quota is exceeded. In this case nothing is stored.
 */
export async function storeSource(
  db: Database,
  tenant: string,
  tree: SourceTree,
  contents: ReadonlyMap<string, Uint8Array>,
): Promise<void> {
  await db.tenant(tenant, async (query) => {
    // If the source is stored, all its blobs are also stored. They were stored in the same transaction, and are
    // retained as long as the source.
    if (answerOf(z.boolean(), await query('SELECT touch_source($1, $2) AS answer', [tenant, tree.digest])))
      return;
    const digests = [...new Set(tree.entries.map((entry) => entry.digest))];
    let missing = [...(await missingBlobs(query, tenant, digests))];
    let added = 0;
    for (let round = 0; round < ROUNDS; round++) {
      added += await insertBlobs(
        query,
        tenant,
        missing.map((digest) => blobOf(digest, contents)),
      );
      const values = [tenant, tree.digest, JSON.stringify(tree.entries), added];
      const rows = await query('SELECT put_source($1, $2, $3::jsonb, $4) AS answer', values);
      missing = answerOf(z.array(Digest), rows);
      if (missing.length === 0) return;
    }
    throw new PointsmanError(
      'unavailable',
      'the sweep deletes content of this source as soon as it is stored',
    );
  });
}

function blobOf(digest: string, contents: ReadonlyMap<string, Uint8Array>): BlobContent {
  const content = contents.get(digest);
  if (!content) throw new Error(`the source refers to ${digest}, but its content was not passed in`);
  return { digest, mediaType: MEDIA_TYPE, content };
}

/**
 * A source. `contents` contains the file contents only if the source is small, so that loading a small source takes
 * one round trip.
 */
export interface LoadedSource {
  readonly tree: SourceTree;
  readonly contents: ReadonlyMap<string, Uint8Array>;
}

const FEW_BYTES = 256 * 1024;

const Loaded = z.object({ entries: Entries, contents: z.record(Digest, z.string()) });
const LoadedForRelease = Loaded.extend({ executor: RemoteCompileRule.nullable() });

export async function loadSource(db: Database, tenant: string, digest: string): Promise<LoadedSource | null> {
  const rows = await db.answer(tenant, 'load_source($1, $2, $3)', [digest, FEW_BYTES]);
  const source = answerOf(Loaded.nullable(), rows);
  return source && loaded(digest, source);
}

/**
 * Loads the source of a release, and the policy's rule for remote compilation. The rule is null if the source is
 * compiled locally.
 */
export async function loadReleaseSource(
  db: Database,
  { tenant, bundle, version }: ReleaseId,
  digest: string,
  { withContents }: { withContents: boolean },
): Promise<(LoadedSource & { executor: RemoteCompileRule | null }) | null> {
  const values = [bundle, version, digest, withContents ? FEW_BYTES : -1];
  const rows = await db.answer(tenant, 'load_release_source($1, $2, $3, $4, $5)', values);
  const source = answerOf(LoadedForRelease.nullable(), rows);
  return source && { ...loaded(digest, source), executor: source.executor };
}

function loaded(digest: string, { entries, contents }: z.infer<typeof Loaded>): LoadedSource {
  const read = Object.entries(contents).map(([name, text]): [string, Uint8Array] => [
    name,
    Buffer.from(text, 'base64'),
  ]);
  return { tree: { digest, entries }, contents: new Map(read) };
}
