import type { MessagePort } from 'node:worker_threads';
import type { Diagnostic } from '../../core/diagnostic.ts';
import type { ArtifactFile } from '../../core/oci.ts';

/** Part of every cache key: raise it whenever the same input would compile to something else. */
export const COMPILER_VERSION = 1;

/** Something that a compilation needs: what is remembered under a key or else the content, or, without a key, the content. */
export interface Wanted {
  readonly key: string | null;
  readonly digest: string;
}

/** Either what was remembered or the content; never both. */
export interface Given {
  readonly facts: string | null;
  readonly content: Uint8Array | null;
}

/** Asks the main thread. The time that it takes to answer is not the compilation's. */
export type Ask = (wanted: readonly Wanted[]) => Promise<readonly Given[]>;

/** What a thread is started with. Parallel lists, since thousands of small objects are slow to hand over. */
export interface ThreadTask {
  readonly paths: readonly string[];
  readonly digests: readonly string[];
  readonly sizes: readonly number[];
  readonly port: MessagePort;
}

/** An answer on the port. `contents` are the ends of the pieces in the arena, in order; -1 where facts were known. */
export type ThreadAnswer =
  | {
      readonly facts: readonly (string | null)[];
      readonly ends: readonly number[];
      readonly arena: Uint8Array;
    }
  | 'failed';

/** Blobs made by a compilation: one buffer that is handed over, not copied. */
export interface MadeBlobs {
  readonly arena: Uint8Array;
  readonly digests: readonly string[];
  readonly mediaTypes: readonly string[];
  readonly ends: readonly number[];
}

/** What a later compilation may take over. `digest` is the blob that belongs to it, if there is one. */
export interface Memory {
  readonly key: string;
  readonly facts: string;
  readonly digest: string;
}

export interface ThreadArtifact {
  readonly channel: string | null;
  readonly digest: string;
  readonly files: readonly ArtifactFile[];
  readonly blobDigests: readonly string[];
}

export type ThreadResult = {
  readonly made: MadeBlobs;
  readonly memories: readonly Memory[];
} & (
  | {
      readonly kind: 'compiled';
      readonly artifacts: readonly ThreadArtifact[];
      readonly warnings: readonly Diagnostic[];
    }
  | { readonly kind: 'invalid'; readonly diagnostics: readonly Diagnostic[]; readonly truncated: boolean }
);
