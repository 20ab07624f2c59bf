/** Where the cache takes a bundle from: the record. */
export interface ArtifactReader {
  /** Reads nothing whose files have more bytes than that together. Null when the tenant has no such artifact. */
  read(tenant: string, digest: string, maxBytes: number): Promise<StoredArtifact | 'too_large' | null>;
}

export interface StoredArtifact {
  /** The OCI image manifest, byte for byte. */
  readonly manifest: Uint8Array;
  readonly files: readonly { readonly path: string; readonly content: Uint8Array }[];
}
