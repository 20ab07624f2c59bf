import type { ReleaseId } from '@pointsman/protocol/identifiers';
import { documentLimits, manifestLimits } from '@pointsman/protocol/limits';
import type { NamedBlob, ReadManifest } from '@pointsman/protocol/artifacts/oci-manifest';
import type { CallbackResult } from '../../../handlers/contract/release.ts';
import { readBlobs, storedSizes } from '../content/blobs.ts';
import type { Database } from '../database.ts';

/**
 * Parses a manifest that a remote compiler has uploaded. The reader takes ownership of the bytes, so the caller must
 * not use them afterwards.
 */
export type ManifestReader = (tenant: string, bytes: Uint8Array<ArrayBuffer>) => Promise<ReadManifest>;

type Unfit = Extract<CallbackResult, { kind: 'unfit' }>;

/**
 * Checks the artifacts that a remote compiler reports. Returns null if they are complete. Otherwise returns the blobs
 * that are not stored, and those whose size differs from the size in a manifest.
 *
 * The check runs before the transaction that accepts the report. This is safe, because the content of a digest never
 * changes, and the check retains the blobs that it finds.
 */
export async function checkArtifacts(
  db: Database,
  release: ReleaseId,
  artifacts: readonly { readonly digest: string }[],
  readManifest: ManifestReader,
): Promise<Unfit | null> {
  const { tenant } = release;
  const digests = [...new Set(artifacts.map(({ digest }) => digest))];
  const sizes = await blobSizes(db, release, digests);
  const missing = new Set(digests.filter((digest) => !sizes.has(digest)));
  const problems: string[] = [];
  const most = documentLimits.diagnostics;
  for (const [digest, size] of sizes) {
    // Stops after enough errors, because a hundred manifests could refer to a million missing blobs.
    if (missing.size + problems.length >= most) break;
    if (size > manifestLimits.bytes) {
      problems.push(`${digest}: a manifest may have at most ${manifestLimits.bytes} bytes`);
      continue;
    }
    const bytes = (await readBlobs(db, tenant, [digest])).get(digest);
    const read = await readManifest(tenant, new Uint8Array(bytes ?? []));
    if (read.kind === 'problem') problems.push(`${digest}: ${read.problem}`);
    else problems.push(...(await wrongBlobs(db, release, read.blobs, missing)));
  }
  if (missing.size === 0 && problems.length === 0) return null;
  return { kind: 'unfit', missing: [...missing].slice(0, most), problems: problems.slice(0, most) };
}

async function wrongBlobs(
  db: Database,
  release: ReleaseId,
  named: readonly NamedBlob[],
  missing: Set<string>,
): Promise<string[]> {
  const sizes = await blobSizes(
    db,
    release,
    named.map(({ digest }) => digest),
  );
  const problems: string[] = [];
  for (const { digest, size } of named) {
    const stored = sizes.get(digest);
    if (stored === undefined) missing.add(digest);
    else if (stored !== size)
      problems.push(`${digest}: it has ${stored} bytes, but its manifest declares ${size}`);
  }
  return problems;
}

/** Returns the sizes of those blobs that are stored. These blobs are now retained until the release is compiled. */
async function blobSizes(
  db: Database,
  { tenant, bundle, version }: ReleaseId,
  digests: readonly string[],
): Promise<Map<string, number>> {
  const hold = 'hold_blobs($1, $2, release_holder($3, $4))';
  await db.answer(tenant, hold, [[...new Set(digests)], bundle, version]);
  return storedSizes(db, tenant, digests);
}
