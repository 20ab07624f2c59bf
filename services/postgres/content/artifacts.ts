import { z } from 'zod';

import { Digest } from '@pointsman/protocol/identifiers';
import { ALL_BYTES } from './blobs.ts';
import type { Database } from '../database.ts';
import { allRows, Big } from '../rows.ts';

const FileRow = z.object({ path: z.string(), digest: Digest, size: Big, mediaType: z.string() });
const ContentRow = FileRow.extend({ content: z.instanceof(Uint8Array) });

export type ArtifactFile = z.infer<typeof FileRow>;

export interface ArtifactRecord {
  readonly digest: string;
  /** The exact bytes of the OCI image manifest. */
  readonly manifest: Uint8Array;
  readonly files: readonly ArtifactFile[];
}

export async function findArtifact(
  db: Database,
  tenant: string,
  digest: string,
): Promise<ArtifactRecord | null> {
  return db.tenant(tenant, async (query) => {
    const [known] = allRows(
      z.object({ content: z.instanceof(Uint8Array) }),
      await query(
        'SELECT b.content FROM artifacts a JOIN blobs b USING (tenant, digest) WHERE a.tenant = $1 AND a.digest = $2',
        [tenant, digest],
      ),
    );
    if (!known) return null;
    const sql = `SELECT path, digest, size, media_type AS "mediaType" FROM artifact_blobs
      WHERE tenant = $1 AND artifact = $2 AND path IS NOT NULL ORDER BY ordinal`;
    return { digest, manifest: known.content, files: allRows(FileRow, await query(sql, [tenant, digest])) };
  });
}

/** Loads all files of an artifact with their contents, in the order of the manifest. */
export async function loadArtifactFiles(
  db: Database,
  tenant: string,
  artifact: string,
): Promise<(ArtifactFile & { content: Uint8Array })[]> {
  const sql = `SELECT f.path, f.digest, f.size, f.media_type AS "mediaType", b.content
    FROM artifact_blobs f JOIN blobs b ON (b.tenant, b.digest) = (f.tenant, f.digest)
    WHERE f.tenant = $1 AND f.artifact = $2 AND f.path IS NOT NULL ORDER BY f.ordinal`;
  return allRows(ContentRow, await db.call(tenant, sql, [tenant, artifact]));
}

/** Finds a file of an artifact. `head` is at most the first `headBytes` bytes of the content. */
export async function findArtifactFile(
  db: Database,
  tenant: string,
  artifact: string,
  path: string,
  headBytes = ALL_BYTES,
): Promise<(ArtifactFile & { head: Uint8Array }) | null> {
  const sql = `SELECT f.path, f.digest, f.size, f.media_type AS "mediaType", substring(b.content FROM 1 FOR $4) AS head
    FROM artifact_blobs f JOIN blobs b ON (b.tenant, b.digest) = (f.tenant, f.digest)
    WHERE f.tenant = $1 AND f.artifact = $2 AND f.path = $3`;
  const row = FileRow.extend({ head: z.instanceof(Uint8Array) });
  return allRows(row, await db.call(tenant, sql, [tenant, artifact, path, headBytes]))[0] ?? null;
}

/**
 * Finds the manifest of an artifact. `head` is at most the first `headBytes` bytes of the manifest. Returns null if
 * the artifact does not exist.
 */
export async function findManifest(
  db: Database,
  tenant: string,
  digest: string,
  headBytes: number,
): Promise<{ size: number; head: Uint8Array } | null> {
  const sql = `SELECT b.size, substring(b.content FROM 1 FOR $3) AS head
    FROM artifacts a JOIN blobs b USING (tenant, digest) WHERE a.tenant = $1 AND a.digest = $2`;
  const row = z.object({ size: Big, head: z.instanceof(Uint8Array) });
  return allRows(row, await db.call(tenant, sql, [tenant, digest, headBytes]))[0] ?? null;
}
