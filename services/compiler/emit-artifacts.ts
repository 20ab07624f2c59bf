import { artifactManifest, mediaTypes } from '../../core/oci.ts';
import type { ArtifactFile } from '../../core/oci.ts';
import type { ChannelDocuments } from './compile-source.ts';
import type { Findings } from './findings.ts';
import type { Making } from './made-blobs.ts';
import { RECIPE_PATH } from './recipe.ts';
import type { ProcessArtifact } from './compile-protocol.ts';

/** One artifact for the base and one for each channel that has an overlay; what is equal in them is one blob. */
export function emitArtifacts(
  channels: readonly ChannelDocuments[],
  others: readonly ArtifactFile[],
  making: Making,
  found: Findings,
): ProcessArtifact[] {
  if (!found.isEmpty()) return [];
  return channels.map(({ channel, documents }) => {
    const compiled = documents.map(({ path, facts }) => ({
      path,
      digest: facts.digest,
      size: facts.size,
      mediaType: mediaTypes.document,
    }));
    const files = [...compiled, ...others];
    if (files.length === 0) refuseEmpty(found);
    const { manifest, index, files: sorted, blobDigests } = artifactManifest(files);
    making.blob(manifest.text, manifest.mediaType);
    making.blob(index.text, index.mediaType);
    return { channel, digest: manifest.digest, files: sorted, blobDigests };
  });
}

/** An artifact without a file would take everything away from whoever follows it; that is never what somebody meant. */
function refuseEmpty(found: Findings): void {
  const message = 'nothing of this source becomes part of the artifact';
  found.add({ path: RECIPE_PATH, line: 1, column: 1, pointer: '', code: 'nothing_to_compile', message });
}
