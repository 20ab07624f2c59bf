import { z } from 'zod';

import { describeIssues } from '@pointsman/protocol/json/schema-issues';
import {
  sourceLimits,
  artifactLimits,
  documentLimits,
  manifestLimits,
  requestLimits,
} from '@pointsman/protocol/limits';
import { Diagnostic, reportedDiagnostics } from '@pointsman/protocol/releases/diagnostic';
import { pathProblem } from '@pointsman/protocol/releases/source';
import { cacheEntryLimits } from '../limits.ts';
import type { FromTask, ProcessArtifact, ProcessOutcome, ProcessResult } from './compile-protocol.ts';
import type { CompiledBlob } from './compiled.ts';

/**
 * A received result. The content of each blob is copied into a separate buffer. A view would keep the whole message
 * in memory.
 */
export type ReceivedResult = ProcessResult<ReadonlyMap<string, CompiledBlob>>;

export type PartOfResult = Extract<FromTask, { readonly kind: 'outcome' | 'artifact' | 'piece' }>;

/** Assembles a result from the parts that a compile process sends. */
export interface ReceivedPieces {
  /**
   * Adds a message. Throws if the message is invalid or exceeds a limit. Memory for the blobs is allocated only after
   * the checks.
   */
  readonly add: (part: PartOfResult) => void;
  /** Returns the complete result. Throws if a part is missing. */
  readonly result: () => ReceivedResult;
}

/** The maximum number of artifacts per result: the base artifact, and one for each channel of the bundle. */
const ARTIFACTS = 1 + requestLimits.channelsPerBundle;
/**
 * The maximum number of blobs per result: one for each file and each patched document, and a manifest and an index
 * for each artifact.
 */
const BLOBS = sourceLimits.files + artifactLimits.patchedDocuments + 2 * ARTIFACTS;

/**
 * The blobs that a compile process announces. All messages of a compile process are validated completely, because it
 * processes untrusted files and an attacker may control it.
 */
const Made = z
  .object({
    digests: z.array(z.string()).max(BLOBS),
    mediaTypes: z.array(z.string().max(manifestLimits.mediaTypeChars)).max(BLOBS),
    // `receivedBlobs` checks that each size is a valid number, and that their sum is within the limit.
    sizes: z.array(z.custom<number>((size) => typeof size === 'number')).max(BLOBS),
  })
  .refine(
    ({ digests, mediaTypes, sizes }) =>
      digests.length === sizes.length && mediaTypes.length === sizes.length && areDifferent(digests),
    'the lists of blobs differ in length, or contain a duplicate',
  );

const rest = {
  made: Made,
  cacheEntries: z
    .array(z.object({ key: z.string(), facts: z.string(), digest: z.string() }))
    .max(BLOBS)
    .refine(
      (all) =>
        all.reduce((sum, { key, facts }) => sum + key.length + facts.length, 0) <=
        cacheEntryLimits.sourceChars,
      'the cache entries are too large for one source',
    ),
};

/**
 * The diagnostics or warnings of a result, with the limits that the compiler applies. One additional diagnostic may
 * state that others were omitted.
 */
const Report = z
  .array(Diagnostic)
  .max(documentLimits.diagnostics + 1)
  .refine((all) => reportedDiagnostics(all).length >= all.length - 1, 'the report is too long');

const Outcome = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('compiled'), warnings: Report, ...rest }),
  z.object({ kind: z.literal('invalid'), diagnostics: Report, truncated: z.boolean(), ...rest }),
]) satisfies z.ZodType<ProcessOutcome>;

const ListedFile = z.object({
  path: z.string().refine((path) => pathProblem(path) === null, 'the path is invalid'),
  digest: z.string(),
  size: z.number().int().min(0),
  mediaType: z.string().max(manifestLimits.mediaTypeChars),
});

const Artifact = z.object({
  channel: z.string().nullable(),
  digest: z.string(),
  list: z
    .object({
      files: z.array(ListedFile).max(sourceLimits.files),
      // The digests of at most one blob for each file, and of the manifest and the index.
      blobDigests: z.array(z.string()).max(sourceLimits.files + 2),
    })
    .nullable(),
});

const Piece = z.instanceof(Uint8Array);

export function receivedParts(maxBytes: number): ReceivedPieces {
  let outcome: ProcessOutcome | null = null;
  let blobs: ReturnType<typeof receivedBlobs> | null = null;
  const artifacts = new Map<string | null, ProcessArtifact>();
  const lists = new Map<string, NonNullable<z.infer<typeof Artifact>['list']>>();
  const addArtifact = ({ channel, digest, list }: z.infer<typeof Artifact>): void => {
    const known = list ?? lists.get(digest);
    if (!known) throw new Error(`the artifact ${digest} has no list of files`);
    if (artifacts.has(channel)) throw new Error(`the channel ${channel} has two artifacts`);
    if (artifacts.size === ARTIFACTS) throw new Error(`the result has more than ${ARTIFACTS} artifacts`);
    lists.set(digest, known);
    artifacts.set(channel, { channel, digest, ...known });
  };
  return {
    add: (part) => {
      if (part.kind === 'outcome') {
        if (outcome) throw new Error('the compile process sent a second outcome');
        outcome = read(Outcome, part.outcome);
        blobs = receivedBlobs(outcome.made, maxBytes);
      } else if (part.kind === 'piece') {
        if (!blobs) throw new Error('the compile process sent a blob before the list of blobs');
        blobs.add(read(Piece, part.bytes));
      } else addArtifact(read(Artifact, part.artifact));
    },
    result: () => {
      if (!outcome || !blobs) throw new Error('the compile process sent no result');
      const made = blobs.all();
      if (outcome.kind === 'invalid') return { ...outcome, made };
      return { ...outcome, artifacts: [...artifacts.values()], made };
    },
  };
}

function read<T>(schema: z.ZodType<T>, value: unknown): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw new Error(`the compile process sent an invalid message: ${describeIssues(result)}`);
}

function areDifferent(texts: readonly string[]): boolean {
  return new Set(texts).size === texts.length;
}

/**
 * Receives the contents of the announced blobs. The schema `Made` guarantees that the three lists have the same
 * length.
 */
function receivedBlobs({ digests, mediaTypes, sizes }: ProcessOutcome['made'], maxBytes: number) {
  const bytes = sizes.reduce((sum, size) => sum + size, 0);
  if (!sizes.every((size) => Number.isSafeInteger(size) && size >= 0) || bytes > maxBytes)
    throw new Error(`the compile process announced ${bytes} bytes; the limit is ${maxBytes}`);
  const blobs = new Map<string, CompiledBlob>();
  let nth = 0;
  let content: Uint8Array | null = null;
  let filled = 0;
  /** Allocates the next blob that is not empty. Empty blobs before it are complete immediately. */
  const next = (): void => {
    content = null;
    for (; nth < digests.length && content === null; nth++) {
      const digest = digests[nth] ?? '';
      const begun = new Uint8Array(sizes[nth] ?? 0);
      blobs.set(digest, { digest, mediaType: mediaTypes[nth] ?? '', content: begun });
      if (begun.byteLength > 0) content = begun;
    }
    filled = 0;
  };
  next();
  return {
    add: (piece: Uint8Array): void => {
      for (let start = 0; start < piece.byteLength;) {
        if (content === null) throw new Error('the compile process sent more bytes than it announced');
        const part = piece.subarray(start, start + content.byteLength - filled);
        content.set(part, filled);
        start += part.byteLength;
        filled += part.byteLength;
        if (filled === content.byteLength) next();
      }
    },
    all: (): ReadonlyMap<string, CompiledBlob> => {
      if (content !== null) throw new Error('the compile process sent fewer bytes than it announced');
      return blobs;
    },
  };
}
