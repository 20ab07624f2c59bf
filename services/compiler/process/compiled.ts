import type { CacheEntry } from './compile-protocol.ts';
import type { Diagnostic } from '@pointsman/protocol/releases/diagnostic';

/** The compilation exceeded its limit of time or memory. */
export interface Exhausted {
  readonly kind: 'exhausted';
  readonly limit: 'time' | 'memory';
  readonly message: string;
}

/** A bug in the compiler prevents the compilation. The log entry with this reference contains the cause. */
export interface Uncompilable {
  readonly kind: 'uncompilable';
  readonly reference: string;
  readonly message: string;
}

/** A failed compilation that would fail again in the same way. It is cached for `exhaustedMs`. */
export type BadEnd = Exhausted | Uncompilable;

export interface CompiledBlob {
  readonly digest: string;
  readonly mediaType: string;
  readonly content: Uint8Array;
}

/**
 * An artifact. `channel` is null for the base artifact, which has no overlay. Otherwise it is the channel of the
 * overlay. `digest` is the digest of the OCI image manifest.
 */
export interface CompiledArtifact {
  readonly channel: string | null;
  readonly digest: string;
  readonly files: readonly { path: string; digest: string; size: number; mediaType: string }[];
  /** The digests of the manifest and of all blobs to which it refers, without duplicates. */
  readonly blobDigests: readonly string[];
}

export type CompileResult =
  | {
      readonly kind: 'compiled';
      /** The base artifact, followed by the artifacts of the channels with an overlay. */
      readonly artifacts: readonly CompiledArtifact[];
      /**
       * The blobs of all artifacts, without duplicates, except the results of stored documents. Do not modify the
       * contents, because the cache shares them with later results.
       */
      readonly blobs: readonly CompiledBlob[];
      /** Whether the result of a stored document is missing from `blobs`. It can be deleted until the compilation is stored. */
      readonly lacksContent: boolean;
      /** The documents that were compiled, for later compilations. `blobs` contains their results. */
      readonly documents: readonly CacheEntry[];
      /** Warnings about valid input that is probably a mistake. */
      readonly warnings: readonly Diagnostic[];
    }
  | { readonly kind: 'invalid'; readonly diagnostics: readonly Diagnostic[]; readonly truncated: boolean }
  | BadEnd
  /** Too many compilations are waiting. The caller should retry later. */
  | { readonly kind: 'busy' };
