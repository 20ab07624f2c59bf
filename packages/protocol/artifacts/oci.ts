import { digestOf } from '../digest.ts';

/**
 * The media types in artifacts (OCI image-spec 1.1, manifest.md). Pointsman's own types start with `vnd.`,
 * because they are not registered with IANA.
 */
export const mediaTypes = {
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  bundle: 'application/vnd.pointsman.bundle.v1',
  index: 'application/vnd.pointsman.index.v1+json',
  document: 'application/vnd.pointsman.document.v1+json',
  module: 'text/javascript',
} as const;

/** The annotation of a layer that contains the path of the file (OCI image-spec 1.1, annotations.md). */
export const TITLE = 'org.opencontainers.image.title';

/** One file of an artifact: the path under which followers read it, and its blob. */
export interface ArtifactFile {
  readonly path: string;
  readonly digest: string;
  readonly size: number;
  readonly mediaType: string;
}

export interface DescribedBlob {
  readonly digest: string;
  readonly mediaType: string;
  readonly text: string;
}

export interface ArtifactManifest {
  /** The files, in the order of the manifest. */
  readonly files: readonly ArtifactFile[];
  readonly manifest: DescribedBlob;
  readonly index: DescribedBlob;
  /** The digests of the manifest, the index and the files. Each digest is listed once. */
  readonly blobDigests: readonly string[];
}

/**
 * Builds the OCI image manifest of an artifact, and its index. The index is the config blob of the manifest.
 * It lists the same files as the layers, so that a follower can compare two artifacts without parsing OCI.
 *
 * Both are canonical JSON and sorted by path, so that the digest does not depend on the order of the input.
 * The code writes the keys in canonical order itself. Calling `canonicalJson` instead took 20 of the 60 ms
 * that compiling 2,000 files takes when one of them has changed.
 */
export function artifactManifest(unsorted: readonly ArtifactFile[]): ArtifactManifest {
  const files = unsorted.toSorted(byPath);
  const index = describe(
    mediaTypes.index,
    JSON.stringify({
      files: files.map(({ digest, mediaType, path, size }) => ({ digest, mediaType, path, size })),
      schemaVersion: 1,
    }),
  );
  const manifest = describe(
    mediaTypes.manifest,
    JSON.stringify({
      artifactType: mediaTypes.bundle,
      config: { digest: index.digest, mediaType: index.mediaType, size: Buffer.byteLength(index.text) },
      layers: files.map(({ path, digest, mediaType, size }) => ({
        annotations: { [TITLE]: path },
        digest,
        mediaType,
        size,
      })),
      mediaType: mediaTypes.manifest,
      schemaVersion: 2,
    }),
  );
  const blobDigests = [...new Set([manifest.digest, index.digest, ...files.map((file) => file.digest)])];
  return { files, manifest, index, blobDigests };
}

/**
 * Compares paths by UTF-16 code unit, like the sort order of a source. The result does not depend on a
 * locale.
 */
function byPath(a: ArtifactFile, b: ArtifactFile): number {
  if (a.path === b.path) return 0;
  return a.path < b.path ? -1 : 1;
}

function describe(mediaType: string, text: string): DescribedBlob {
  return { digest: digestOf(text), mediaType, text };
}
