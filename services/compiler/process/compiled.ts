import type { Diagnostic } from '@pointsman/protocol/releases/diagnostic';

/** What a compilation was ended for. */
export interface Exhausted {
  readonly kind: 'exhausted';
  readonly limit: 'time' | 'memory';
  readonly message: string;
}

/** The compiler fails on the source. The reference leads to the reason, which is in the log. */
export interface Uncompilable {
  readonly kind: 'uncompilable';
  readonly reference: string;
  readonly message: string;
}

/** Another try would end in the same way, so it is remembered for a while. */
export type BadEnd = Exhausted | Uncompilable;

export interface CompiledBlob {
  readonly digest: string;
  readonly mediaType: string;
  readonly content: Uint8Array;
}

/** channel null: the base; else the channel whose overlay made it. `digest` is the one of the OCI image manifest. */
export interface CompiledArtifact {
  readonly channel: string | null;
  readonly digest: string;
  readonly files: readonly { path: string; digest: string; size: number; mediaType: string }[];
  /** Everything that the manifest names, itself included; each once. */
  readonly blobDigests: readonly string[];
}

export type CompileResult =
  | {
      readonly kind: 'compiled';
      /** The base first, then the channels. */
      readonly artifacts: readonly CompiledArtifact[];
      /** Each once. The contents are shared with later results: read them, never write into them. */
      readonly blobs: readonly CompiledBlob[];
      /** What is valid and probably not meant. */
      readonly warnings: readonly Diagnostic[];
    }
  | { readonly kind: 'invalid'; readonly diagnostics: readonly Diagnostic[]; readonly truncated: boolean }
  | BadEnd
  /** Too much is waiting already; come back later. */
  | { readonly kind: 'busy' };
