import { artifactLimits } from '@pointsman/protocol/limits';
import { artifactManifest, mediaTypes, type ArtifactFile } from '@pointsman/protocol/artifacts/oci';
import type { ChannelDocuments } from './documents/compile-document.ts';
import type { Findings } from './findings.ts';
import type { Making } from './made-blobs.ts';
import { RECIPE_PATH } from './recipe/recipe.ts';
import type { ProcessArtifact } from './process/compile-protocol.ts';

/** One artifact for the base and one for each channel that has an overlay; what is equal in them is one blob. */
export function emitArtifacts(
  channels: readonly ChannelDocuments[],
  others: readonly ArtifactFile[],
  making: Making,
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
    const made = making.blob(index.text, index.mediaType);
    if (!made || !making.blob(manifest.text, manifest.mediaType)) {
      const { madeBytes } = artifactLimits;
      refuseTooLarge(sorted, `the channels together have more than ${madeBytes} bytes`, found);
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

/** As a follower counts: each blob once. */
function bytesOf(blobs: readonly { readonly digest: string; readonly size: number }[]): number {
  const sizes = new Map(blobs.map(({ digest, size }) => [digest, size]));
  return [...sizes.values()].reduce((sum, size) => sum + size, 0);
}

/** At the largest file, which is what its author will want to look at. */
function refuseTooLarge(files: readonly ArtifactFile[], what: string, found: Findings): void {
  const largest = files.reduce((one, other) => (other.size > one.size ? other : one));
  const message = `${what}; the largest file is this one, with ${largest.size} bytes`;
  found.add({ path: largest.path, line: 1, column: 1, pointer: '', code: 'output_too_large', message });
}

/** An artifact without a file would take everything away from whoever follows it; that is never what somebody meant. */
function refuseEmpty(found: Findings): void {
  const message = 'nothing of this source becomes part of the artifact';
  found.add({ path: RECIPE_PATH, line: 1, column: 1, pointer: '', code: 'nothing_to_compile', message });
}
