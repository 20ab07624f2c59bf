import type { ArtifactFile } from '@pointsman/protocol/artifacts/oci';

/**
 * A path at which two artifacts differ. `before` or `after` is null if that artifact does not contain the
 * path.
 */
export interface ArtifactChange {
  readonly path: string;
  readonly before: ArtifactFile | null;
  readonly after: ArtifactFile | null;
}

/**
 * Returns the paths at which two artifacts differ. Files are compared by their digests, without fetching
 * them.
 */
export function artifactChanges(
  before: ReadonlyMap<string, ArtifactFile>,
  after: ReadonlyMap<string, ArtifactFile>,
): ArtifactChange[] {
  return [...new Set([...before.keys(), ...after.keys()])]
    .map((path) => ({ path, before: before.get(path) ?? null, after: after.get(path) ?? null }))
    .filter((change) => change.before?.digest !== change.after?.digest)
    .toSorted((a, b) => (a.path < b.path ? -1 : 1));
}
