import type { Diagnostic } from '@pointsman/protocol/releases/diagnostic';
import type { ArtifactFile } from '@pointsman/protocol/artifacts/oci';

/**
 * A request for a file. The response contains the facts (the data about the compiled file) that are cached under
 * `key`. If no facts are cached, it contains the content with this digest.
 */
export interface FileRequest {
  readonly key: string | null;
  readonly digest: string;
}

/** The response to a `FileRequest`. Exactly one of the two fields is not null. */
export interface FileResponse {
  readonly facts: string | null;
  readonly content: Uint8Array | null;
}

/**
 * Requests files from the parent process. The compilation's time limit excludes the time that it waits for the
 * response.
 */
export type Ask = (wanted: readonly FileRequest[]) => Promise<readonly FileResponse[]>;

/**
 * The files of the source, as three lists of equal length. One list of small objects would be slow to send for
 * thousands of files.
 */
export interface ProcessTask {
  readonly paths: readonly string[];
  readonly digests: readonly string[];
  readonly sizes: readonly number[];
}

/**
 * The answer to a question. `arena` contains the requested contents one after the other, each of them once.
 * `contents` has one number for each requested file: the index of its content in `digests`, or -1 if facts were
 * cached. The index exists because several requests may need the same content. For example, seventy patches of a
 * document of 7 MiB request it seventy times.
 */
export interface ProcessAnswer {
  readonly facts: readonly (string | null)[];
  readonly contents: readonly number[];
  readonly digests: readonly string[];
  /** The offset in `arena` at which each content ends. */
  readonly ends: readonly number[];
  readonly arena: Uint8Array;
}

/**
 * A message to a compile process: a task, or the answer to one of its questions. One process compiles for several
 * tenants, one after the other. Each message therefore has the ID of its task, and each answer has the ID of its
 * question. Both sides ignore messages of other tasks.
 */
export type ToProcess = { readonly taskId: number } & (
  { readonly task: ProcessTask } | { readonly questionId: number; readonly answer: ProcessAnswer }
);

export interface Question {
  readonly questionId: number;
  readonly keys: readonly (string | null)[];
  readonly digests: readonly string[];
}

/**
 * A message from a compile process. It contains several parts where possible, because each message takes both processes about a tenth of
 * a millisecond. A small compilation sends two: the start with the first question, and the whole result.
 */
export interface FromProcess {
  readonly taskId: number;
  readonly parts: readonly FromTask[];
}

/** A part of a message from a compile process. */
export type FromTask =
  /** The compilation has started. It is sent with the first question or with the result, whichever comes first. */
  | { readonly kind: 'started' }
  /** A request for files. Several questions may be open at a time, because the bundler loads modules concurrently. */
  | ({ readonly kind: 'question' } & Question)
  /** The outcome of the compilation, and the list of the blobs whose contents follow in `piece` parts. */
  | { readonly kind: 'outcome'; readonly outcome: ProcessOutcome }
  | { readonly kind: 'artifact'; readonly artifact: SentArtifact }
  /**
   * The next bytes of the concatenated blob contents. A single message with all bytes would block the receiver for a
   * second.
   */
  | { readonly kind: 'piece'; readonly bytes: Uint8Array }
  /** The last part of a task. `isSpent` is true if the process uses too much memory for another compilation. */
  | { readonly kind: 'end'; readonly isSpent: boolean }
  /**
   * The compilation threw an error. If `ofCompiler` is true, the cause is a bug in the compiler, and the same source
   * causes the error again. If it is false, a received content had a wrong digest.
   */
  | { readonly kind: 'threw'; readonly message: string; readonly ofCompiler: boolean };

/** The blobs that a compilation has created, without their contents. The contents are sent later in the same order. */
export interface AnnouncedBlobs {
  readonly digests: readonly string[];
  readonly mediaTypes: readonly string[];
  readonly sizes: readonly number[];
}

/** An entry that the parent caches for later compilations. `digest` is the digest of the blob that belongs to it. */
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
 * An artifact in a message. `list` is null if an earlier artifact of this result has the same digest, and therefore
 * the same files. This happens when an overlay changes nothing.
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

/**
 * The result of a compilation. `B` is the type of the created blobs. In the compile process it is a list of texts. In
 * the parent process it is a map from digest to content.
 */
export type ProcessResult<B> = ((Compiled & { readonly artifacts: readonly ProcessArtifact[] }) | Invalid) & {
  readonly made: B;
  readonly cacheEntries: readonly CacheEntry[];
};
