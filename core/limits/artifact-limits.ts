/** Limits of what a compilation produces, with their reasons; see core/limits/limits.ts. Sizes are bytes. */

const MiB = 1024 * 1024;

export const artifactLimits = {
  /**
   * One artifact: its files and its index. Twice the largest source, because the canonical form of a document may be longer than its text.
   * Followers refuse a larger one, so the compiler must not make one.
   */
  bytes: 64 * MiB,
  /**
   * All blobs of one compiled source, each once: an artifact of the largest source and half of it again for the channels that patch it, or
   * the manifests of 16 channels with the most files. The API and the worker each hold it in memory twice.
   */
  madeBytes: 96 * MiB,
  /** Documents that the channels patch, all together: 2,000 documents in ten channels. Each is compiled, whether or not its patch changes it. */
  patchedDocuments: 20_000,
} as const;
