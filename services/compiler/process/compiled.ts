import type { Diagnostic } from '@pointsman/protocol/releases/diagnostic';

/** The compilation exceeded a limit. */
export interface Exhausted {
  readonly kind: 'exhausted';
  readonly limit: 'time' | 'memory';
  readonly message: string;
}

/** A defect of the compiler. The log entry with this reference has the reason. */
export interface Uncompilable {
  readonly kind: 'uncompilable';
  readonly reference: string;
  readonly message: string;
}

/** Another attempt would end in the same way, so the result is cached for a while. */
export type BadEnd = Exhausted | Uncompilable;

export interface CompiledBlob {
  readonly digest: string;
  readonly mediaType: string;
  readonly content: Uint8Array;
}

/** `channel` is null for the base, otherwise the channel of the overlay. `digest` is that of the OCI image manifest. */
export interface CompiledArtifact {
  readonly channel: string | null;
  readonly digest: string;
  readonly files: readonly { path: string; digest: string; size: number; mediaType: string }[];
  /** The manifest and all blobs to which it refers, without duplicates. */
  readonly blobDigests: readonly string[];
}

export type CompileResult =
  | {
      readonly kind: 'compiled';
      /** The base first, then the channels. */
      readonly artifacts: readonly CompiledArtifact[];
      /** Without duplicates. Later results share the contents, so do not modify them. */
      readonly blobs: readonly CompiledBlob[];
      /** Valid, but probably not intended. */
      readonly warnings: readonly Diagnostic[];
    }
  | { readonly kind: 'invalid'; readonly diagnostics: readonly Diagnostic[]; readonly truncated: boolean }
  | BadEnd
  /** Too many compilations are waiting; retry later. */
  | { readonly kind: 'busy' };
