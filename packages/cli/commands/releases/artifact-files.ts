import { z } from 'zod';

import { Digest } from '@pointsman/protocol/identifiers';
import { pathOf, paths } from '@pointsman/protocol/paths';
import type { ApiClient } from '@pointsman/client/internal/http/client';

/** One file of an artifact, as listed in its manifest. */
export interface ArtifactEntry {
  readonly path: string;
  readonly digest: string;
  readonly size: number;
}

/**
 * Returns the files of an artifact by path. They are the layers of its OCI image manifest (image-spec 1.1,
 * manifest.md).
 */
export async function readArtifactFiles(
  client: ApiClient,
  tenant: string,
  digest: string,
): Promise<ReadonlyMap<string, ArtifactEntry>> {
  const { layers } = await client.call('GET', pathOf(paths.artifact, { tenant, digest }), Manifest);
  return new Map(
    layers.map(({ digest: blob, size, annotations }) => [
      annotations[TITLE],
      { path: annotations[TITLE], digest: blob, size },
    ]),
  );
}

const TITLE = 'org.opencontainers.image.title';

const Manifest = z.looseObject({
  layers: z.array(
    z.looseObject({
      digest: Digest,
      size: z.number().int().min(0),
      annotations: z.looseObject({ [TITLE]: z.string() }),
    }),
  ),
});
