import type { ArtifactFile } from '@pointsman/protocol/artifacts/oci';
import { readManifest } from '@pointsman/protocol/artifacts/oci-manifest';
import { pathOf, paths } from '@pointsman/protocol/paths';
import type { ApiClient } from '@pointsman/client/internal/http/client';
import { CliError } from '../../failures.ts';

/** The files of an artifact, as its manifest lists them, by path. */
export async function readArtifactFiles(
  client: ApiClient,
  tenant: string,
  digest: string,
): Promise<ReadonlyMap<string, ArtifactFile>> {
  const { body } = await client.send('GET', pathOf(paths.artifact, { tenant, digest }));
  const manifest = readManifest(body);
  if (manifest.kind === 'problem') {
    throw new CliError('failed', `This version can't read the manifest ${digest}: ${manifest.problem}.`);
  }
  return new Map(manifest.files.map((file) => [file.path, file]));
}
