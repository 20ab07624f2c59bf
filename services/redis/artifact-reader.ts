/** The cache's source of bundles: the record. */
export interface ArtifactReader {
  /**
   * Does not read artifacts whose files have more than `maxBytes` in total. Null when the tenant has no such artifact.
   */
  read(tenant: string, digest: string, maxBytes: number): Promise<StoredArtifact | 'too_large' | null>;
}

export interface StoredArtifact {
  /** The OCI image manifest, byte for byte. */
  readonly manifest: Uint8Array;
  readonly files: readonly { readonly path: string; readonly content: Uint8Array }[];
}
