/** Reads artifacts for the cache in Redis. The implementation reads them from the database. */
export interface ArtifactReader {
  /**
   * Reads an artifact. Returns `too_large` without reading the files if their total size exceeds `maxBytes`. Returns
   * null if the tenant has no such artifact.
   */
  read(tenant: string, digest: string, maxBytes: number): Promise<StoredArtifact | 'too_large' | null>;
}

export interface StoredArtifact {
  /** The exact bytes of the OCI image manifest. */
  readonly manifest: Uint8Array;
  readonly files: readonly { readonly path: string; readonly content: Uint8Array }[];
}
