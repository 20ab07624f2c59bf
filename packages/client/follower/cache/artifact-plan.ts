import { digestOf } from '@pointsman/protocol/digest';
import type { ArtifactFile } from '@pointsman/protocol/artifacts/oci';
import { type NamedBlob, readManifest } from '@pointsman/protocol/artifacts/oci-manifest';
import { FollowFailure } from '../failure.ts';
import { followLimits } from '../limits.ts';

/** The parts of an artifact, as its manifest lists them. */
export interface ArtifactPlan {
  readonly digest: string;
  readonly manifest: Uint8Array;
  readonly files: readonly ArtifactFile[];
  /** The blobs of the index and the files. Each digest is listed once. */
  readonly blobs: readonly NamedBlob[];
}

/**
 * Verifies the digest of a manifest and parses it, before any blob is fetched. If followers can't use the
 * artifact, throws a {@link FollowFailure} of kind `wrong`.
 */
export function artifactPlan(digest: string, manifest: Uint8Array): ArtifactPlan {
  const wrong = (what: string): FollowFailure => new FollowFailure('wrong', `artifact ${digest}: ${what}`);
  if (digestOf(manifest) !== digest) throw wrong('its manifest does not match the digest');
  const read = readManifest(manifest);
  if (read.kind === 'problem') throw wrong(read.problem);
  const sizes = new Map<string, number>();
  for (const blob of read.blobs) {
    if ((sizes.get(blob.digest) ?? blob.size) !== blob.size)
      throw wrong(`${blob.digest} is listed with two sizes`);
    sizes.set(blob.digest, blob.size);
  }
  const blobs = [...sizes].map(([name, size]) => ({ digest: name, size }));
  const bytes = blobs.reduce((sum, { size }) => sum + size, 0);
  if (bytes > followLimits.artifactBytes)
    throw wrong(`it has ${bytes} bytes; the limit is ${followLimits.artifactBytes}`);
  return { digest, manifest, files: read.files, blobs };
}

/** Returns whether the content has the size and the digest of the blob. */
export function isBlob({ digest, size }: NamedBlob, content: Uint8Array): boolean {
  return content.byteLength === size && digestOf(content) === digest;
}
