import { artifactLimits } from '@pointsman/protocol/limits';
import { artifactManifest, mediaTypes, type ArtifactFile } from '@pointsman/protocol/artifacts/oci';
import type { ChannelDocuments } from './documents/compile-document.ts';
import type { Findings } from './findings.ts';
import type { CompileOutput } from './made-blobs.ts';
import { RECIPE_PATH } from './recipe/recipe.ts';
import type { ProcessArtifact } from './process/compile-protocol.ts';

/** Emits one artifact without overlay, and one for each channel with an overlay. Identical files share a blob. */
export function emitArtifacts(
  channels: readonly ChannelDocuments[],
  others: readonly ArtifactFile[],
  output: CompileOutput,
  found: Findings,
): ProcessArtifact[] {
  if (!found.isEmpty()) return [];
  const artifacts: ProcessArtifact[] = [];
  for (const { channel, documents } of channels) {
    const compiled = documents.map(({ path, facts }) => ({
      path,
      digest: facts.digest,
      size: facts.size,
      mediaType: mediaTypes.document,
    }));
    const files = [...compiled, ...others];
    if (files.length === 0) refuseEmpty(found);
    const { manifest, index, files: sorted, blobDigests } = artifactManifest(files);
    const made = output.blob(index.text, index.mediaType);
    if (!made || !output.blob(manifest.text, manifest.mediaType)) {
      const { madeBytes } = artifactLimits;
      refuseTooLarge(
        sorted,
        `the artifacts of all channels have more than ${madeBytes} bytes together`,
        found,
      );
      break;
    }
    if (bytesOf([...sorted, made]) > artifactLimits.bytes) {
      const whose = channel === null ? 'the artifact' : `the artifact of channel ${channel}`;
      refuseTooLarge(sorted, `${whose} has more than ${artifactLimits.bytes} bytes`, found);
      break;
    }
    artifacts.push({ channel, digest: manifest.digest, files: sorted, blobDigests });
  }
  return artifacts;
}

/** Returns the total size of the blobs in bytes. Identical blobs count once, because a follower downloads them once. */
function bytesOf(blobs: readonly { readonly digest: string; readonly size: number }[]): number {
  const sizes = new Map(blobs.map(({ digest, size }) => [digest, size]));
  return [...sizes.values()].reduce((sum, size) => sum + size, 0);
}

/**
 * Reports that an artifact is too large. The diagnostic refers to the largest file, because the author can save the
 * most bytes there.
 */
function refuseTooLarge(files: readonly ArtifactFile[], what: string, found: Findings): void {
  const largest = files.reduce((one, other) => (other.size > one.size ? other : one));
  const message = `${what}; this is the largest file, with ${largest.size} bytes`;
  found.add({ path: largest.path, line: 1, column: 1, pointer: '', code: 'output_too_large', message });
}

/**
 * Reports that an artifact has no files. If it were published, followers would delete all their files, which is never
 * intended.
 */
function refuseEmpty(found: Findings): void {
  const message = 'no file of this source is part of the artifact';
  found.add({ path: RECIPE_PATH, line: 1, column: 1, pointer: '', code: 'nothing_to_compile', message });
}
