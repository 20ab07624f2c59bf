import { findArtifact, loadArtifactFiles } from '../../postgres/content/artifacts.ts';
import type { Database } from '../../postgres/database.ts';
import type { ArtifactReader } from '../../redis/artifact-reader.ts';

/** Reads artifacts from the database for the cache in Redis. */
export function storedArtifacts(db: Database): ArtifactReader {
  return {
    async read(tenant, digest, maxBytes) {
      const found = await findArtifact(db, tenant, digest);
      if (found === null) return null;
      const bytes = found.files.reduce((sum, { size }) => sum + size, 0);
      if (bytes > maxBytes) return 'too_large';
      return { manifest: found.manifest, files: await loadArtifactFiles(db, tenant, digest) };
    },
  };
}
