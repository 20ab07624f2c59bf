import type { Diagnostic } from '@pointsman/protocol/releases/diagnostic';
import type { ArtifactFile } from '@pointsman/protocol/artifacts/oci';

/** Part of every cache key. Increase it when the same input compiles to a different output. */
export const COMPILER_VERSION = 2;

/** Requests a file. The response contains the facts that are cached under `key`, or the content if there are none. */
export interface FileRequest {
  readonly key: string | null;
  readonly digest: string;
}

/** Either the cached facts or the content, never both. */
export interface FileResponse {
  readonly facts: string | null;
  readonly content: Uint8Array | null;
}

/** Requests files from the parent process. The waiting time does not count against the compilation's time limit. */
export type Ask = (wanted: readonly FileRequest[]) => Promise<readonly FileResponse[]>;

/** The input of a compilation. Parallel lists, because thousands of small objects are slow to send. */
export interface ProcessTask {
  readonly paths: readonly string[];
  readonly digests: readonly string[];
  readonly sizes: readonly number[];
}

/**
 * The arena contains the contents one after the other. Each content occurs once, even if several requests need it: seventy patches of a
 * document of 7 MiB request it seventy times. `contents` has the index of each request's content, or -1 if facts were cached.
 */
export interface ProcessAnswer {
  readonly facts: readonly (string | null)[];
  readonly contents: readonly number[];
  readonly digests: readonly string[];
  /** The offset at which each content ends in the arena. */
  readonly ends: readonly number[];
  readonly arena: Uint8Array;
}

/**
 * A process compiles for different tenants in turn. So each message has the ID of its task, and each answer the ID of
 * its question within the task. Both sides ignore messages of other tasks.
 */
export type ToProcess = { readonly taskId: number } & (
  { readonly task: ProcessTask } | { readonly questionId: number; readonly answer: ProcessAnswer }
);

export interface Question {
  readonly questionId: number;
  readonly keys: readonly (string | null)[];
  readonly digests: readonly string[];
}

export type FromProcess = { readonly taskId: number } & FromTask;

export type FromTask =
  | { readonly kind: 'started' }
  /** Several questions may be open at a time, because the bundler loads modules concurrently. */
  | ({ readonly kind: 'question' } & Question)
  /** The outcome, and the list of the blobs that follow. */
  | { readonly kind: 'outcome'; readonly outcome: ProcessOutcome }
  | { readonly kind: 'artifact'; readonly artifact: SentArtifact }
  /** The next bytes of the blobs. A single message with all bytes would block the receiver for a second. */
  | { readonly kind: 'piece'; readonly bytes: Uint8Array }
  /** The last message. `isSpent`: the process retains too much memory to compile for another tenant. */
  | { readonly kind: 'end'; readonly isSpent: boolean }
  /**
   * The compilation threw. `ofCompiler` means a defect of the compiler, which the same source triggers again. Otherwise a content had a
   * wrong digest.
   */
  | { readonly kind: 'threw'; readonly message: string; readonly ofCompiler: boolean };

/** The list of a compilation's blobs, sent before their contents. */
export interface AnnouncedBlobs {
  readonly digests: readonly string[];
  readonly mediaTypes: readonly string[];
  readonly sizes: readonly number[];
}

/** A cache entry for later compilations. `digest` identifies its blob. */
export interface CacheEntry {
  readonly key: string;
  readonly facts: string;
  readonly digest: string;
}

export interface ProcessArtifact {
  readonly channel: string | null;
  readonly digest: string;
  readonly files: readonly ArtifactFile[];
  readonly blobDigests: readonly string[];
}

/**
 * An artifact as it is sent. `list` is null if an artifact with the same digest was sent before: channels whose overlays change nothing
 * share an artifact.
 */
export interface SentArtifact {
  readonly channel: string | null;
  readonly digest: string;
  readonly list: Pick<ProcessArtifact, 'files' | 'blobDigests'> | null;
}

interface Compiled {
  readonly kind: 'compiled';
  readonly warnings: readonly Diagnostic[];
}

interface Invalid {
  readonly kind: 'invalid';
  readonly diagnostics: readonly Diagnostic[];
  readonly truncated: boolean;
}

export type ProcessOutcome = (Compiled | Invalid) & {
  readonly made: AnnouncedBlobs;
  readonly cacheEntries: readonly CacheEntry[];
};

/** The result of a compilation. `B` is a list of texts in the compile process, and a map of contents by digest in the parent process. */
export type ProcessResult<B> = ((Compiled & { readonly artifacts: readonly ProcessArtifact[] }) | Invalid) & {
  readonly made: B;
  readonly cacheEntries: readonly CacheEntry[];
};
