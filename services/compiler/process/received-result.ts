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

/** A received result. Each blob has its own buffer, because a view would keep the whole message in memory. */
export type ReceivedResult = ProcessResult<ReadonlyMap<string, CompiledBlob>>;

export type PartOfResult = Extract<FromTask, { readonly kind: 'outcome' | 'artifact' | 'piece' }>;

/** Assembles a result from its messages. */
export interface ReceivedPieces {
  /** Throws when a message is invalid or exceeds a limit, before it allocates memory for the blobs. */
  readonly add: (part: PartOfResult) => void;
  /** Throws when something is missing. */
  readonly result: () => ReceivedResult;
}

/** Maximum number of artifacts: one for the base, and one for each channel of the bundle. */
const ARTIFACTS = 1 + requestLimits.channelsPerBundle;
/** Maximum number of blobs: one per file and patched document, and a manifest and an index per artifact. */
const BLOBS = sourceLimits.files + artifactLimits.patchedDocuments + 2 * ARTIFACTS;

/** A compile process runs on a tenant's source and may have a defect. So its messages are validated completely. */
const Made = z
  .object({
    digests: z.array(z.string()).max(BLOBS),
    mediaTypes: z.array(z.string().max(manifestLimits.mediaTypeChars)).max(BLOBS),
    // The values are checked in `receivedBlobs`, together with the limit on their sum.
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

/** The compiler applies the same limit. One additional diagnostic may state that others were omitted. */
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
      // One blob for each file, and two for the manifest and the index.
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

/** The schema guarantees that the lists have the same length. */
function receivedBlobs({ digests, mediaTypes, sizes }: ProcessOutcome['made'], maxBytes: number) {
  const bytes = sizes.reduce((sum, size) => sum + size, 0);
  if (!sizes.every((size) => Number.isSafeInteger(size) && size >= 0) || bytes > maxBytes)
    throw new Error(`the compile process announced ${bytes} bytes; the limit is ${maxBytes}`);
  const blobs = new Map<string, CompiledBlob>();
  let nth = 0;
  let content: Uint8Array | null = null;
  let filled = 0;
  /** Continues with the next blob that is not empty. Empty blobs are complete immediately. */
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
