import { digestOf } from '../../../packages/protocol/digest.ts';
import type { ReleaseId } from '../../../packages/protocol/identifiers.ts';
import { type ArtifactFile, artifactManifest, mediaTypes } from '../../../packages/protocol/artifacts/oci.ts';
import { storeBlobs } from '../../../services/postgres/content/blobs.ts';
import { admitted, AT, prepared, type Store } from '../worlds/store.ts';

/** The files of an artifact: texts by path. */
export type Files = Readonly<Record<string, string>>;

/** Compiles a release of those files. Returns the digest of its manifest, and every blob. */
export function artifactOf(files: Files) {
  const listed = Object.entries(files).map(([path, text]): ArtifactFile => ({
    path,
    digest: digestOf(text),
    size: Buffer.byteLength(text),
    mediaType: path.endsWith('.json') ? mediaTypes.document : 'text/plain',
  }));
  const { manifest, index } = artifactManifest(listed);
  const texts = Object.values(files).map((text, n) => ({ ...listed[n]!, text }));
  const blobs = [...texts, manifest, index].map(({ digest, mediaType, text }) => ({
    digest,
    mediaType,
    content: Buffer.from(text),
  }));
  return { digest: manifest.digest, manifest, index, blobs };
}

/** Writes a release of those files directly to the database, from its admission until it is settled. Returns its digest. */
export async function publishedFiles(
  store: Store,
  id: ReleaseId,
  files: Files,
  { expectedGeneration = id.version - 1, channel = 'live' } = {},
): Promise<string> {
  await admitted(store, id, { channel });
  const { digest, blobs } = artifactOf(files);
  await storeBlobs(store.db, id.tenant, blobs);
  await prepared(store, id, digest, channel);
  const moved = await store.moves.moveByRelease({ ...id, channel, expectedGeneration, at: AT });
  if (moved.kind !== 'moved') throw new Error(`it was ${JSON.stringify(moved)}`);
  return digest;
}
