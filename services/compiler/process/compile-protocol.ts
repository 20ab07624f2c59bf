import type { Diagnostic } from '@pointsman/protocol/releases/diagnostic';
import type { ArtifactFile } from '@pointsman/protocol/artifacts/oci';

/** Part of every cache key: raise it whenever the same input would compile to something else. */
export const COMPILER_VERSION = 2;

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

/** Asks the process that started this one. The time that it takes to answer is not the compilation's. */
export type Ask = (wanted: readonly Wanted[]) => Promise<readonly Given[]>;

/** What a compilation is started with. Parallel lists, since thousands of small objects are slow to hand over. */
export interface ProcessTask {
  readonly paths: readonly string[];
  readonly digests: readonly string[];
  readonly sizes: readonly number[];
}

/**
 * The contents are in the arena one after the other, each once, however often it was asked for: seventy patches of one document of 7 MiB
 * ask for it seventy times. `contents` says which one belongs to each thing asked for, or -1 where facts were known.
 */
export interface ProcessAnswer {
  readonly facts: readonly (string | null)[];
  readonly contents: readonly number[];
  readonly digests: readonly string[];
  /** Where each content ends in the arena. */
  readonly ends: readonly number[];
  readonly arena: Uint8Array;
}

/**
 * A process compiles for one tenant after the other. Each message therefore has the number of its task, and each answer the number of its
 * question within the task. A message with the number of another task is dropped on either side.
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
  /** Several may be open at the same time: the bundler loads modules concurrently. */
  | ({ readonly kind: 'question' } & Question)
  /** How it ended, and which blobs follow. */
  | { readonly kind: 'outcome'; readonly outcome: ProcessOutcome }
  | { readonly kind: 'artifact'; readonly artifact: SentArtifact }
  /** The next bytes of the blobs, which are sent in pieces: one message of all would block whoever reads it for a second. */
  | { readonly kind: 'piece'; readonly bytes: Uint8Array }
  /** All is sent. `isSpent`: the process still holds so much that it must not compile for another tenant. */
  | { readonly kind: 'end'; readonly isSpent: boolean }
  /** `ofCompiler`: a mistake of the compiler itself, which the same source meets again. Else a content had another digest. */
  | { readonly kind: 'threw'; readonly message: string; readonly ofCompiler: boolean };

/** The blobs that a compilation made, before their contents. */
export interface AnnouncedBlobs {
  readonly digests: readonly string[];
  readonly mediaTypes: readonly string[];
  readonly sizes: readonly number[];
}

/** What a later compilation may take over. `digest` is the blob that belongs to it, if there is one. */
export interface Memory {
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

/** An artifact on its way. Its list is null when an artifact of the same digest was sent before: channels that change nothing share one. */
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
  readonly memories: readonly Memory[];
};

/** A compilation's result. `B` is what its blobs are: a list of texts where they are made, contents by digest where they have arrived. */
export type ProcessResult<B> = ((Compiled & { readonly artifacts: readonly ProcessArtifact[] }) | Invalid) & {
  readonly made: B;
  readonly memories: readonly Memory[];
};
