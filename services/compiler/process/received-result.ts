import type {
  FromTask,
  ProcessArtifact,
  ProcessOutcome,
  ProcessResult,
  SentArtifact,
} from './compile-protocol.ts';
import type { CompiledBlob } from './compiled.ts';

/** A compilation's result that has arrived. Each blob has a buffer of its own: a view would keep all others in memory. */
export type ReceivedResult = ProcessResult<ReadonlyMap<string, CompiledBlob>>;

export type PartOfResult = Extract<FromTask, { readonly kind: 'outcome' | 'artifact' | 'piece' }>;

/** Puts the messages of one result together. */
export interface ReceivedPieces {
  /** Throws when the parts are not those of one result, or more than it may have; nothing was allocated for them then. */
  readonly add: (part: PartOfResult) => void;
  /** Throws when something is missing. */
  readonly result: () => ReceivedResult;
}

export function receivedParts(maxBytes: number): ReceivedPieces {
  let outcome: ProcessOutcome | null = null;
  let blobs: ReturnType<typeof receivedBlobs> | null = null;
  const artifacts: ProcessArtifact[] = [];
  const lists = new Map<string, NonNullable<SentArtifact['list']>>();
  return {
    add: (part) => {
      if (part.kind === 'outcome') {
        outcome = part.outcome;
        blobs = receivedBlobs(outcome.made, maxBytes);
      } else if (part.kind === 'piece') {
        if (!blobs) throw new Error('a piece of a blob came before the list of blobs');
        blobs.add(part.bytes);
      } else {
        const { channel, digest, list } = part.artifact;
        const known = list ?? lists.get(digest);
        if (!known) throw new Error(`the artifact ${digest} came without its list`);
        lists.set(digest, known);
        artifacts.push({ channel, digest, ...known });
      }
    },
    result: () => {
      if (!outcome || !blobs) throw new Error('the compile process sent no result');
      const made = blobs.all();
      return outcome.kind === 'invalid' ? { ...outcome, made } : { ...outcome, artifacts, made };
    },
  };
}

function receivedBlobs({ digests, mediaTypes, sizes }: ProcessOutcome['made'], maxBytes: number) {
  const bytes = sizes.reduce((sum, size) => sum + size, 0);
  if (!sizes.every((size) => Number.isSafeInteger(size) && size >= 0) || bytes > maxBytes)
    throw new Error(`the compile process has made ${bytes} bytes, and may make ${maxBytes}`);
  const blobs = new Map<string, CompiledBlob>();
  let content: Uint8Array | null = null;
  let filled = 0;
  /** Goes on to the next blob that has bytes to come; those without any are whole. */
  const next = (): void => {
    content = null;
    while (blobs.size < digests.length && content === null) {
      const nth = blobs.size;
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
        if (content === null) throw new Error('the compile process sent more bytes than it has made');
        const part = piece.subarray(start, start + content.byteLength - filled);
        content.set(part, filled);
        start += part.byteLength;
        filled += part.byteLength;
        if (filled === content.byteLength) next();
      }
    },
    all: (): ReadonlyMap<string, CompiledBlob> => {
      if (content !== null) throw new Error('the compile process sent fewer bytes than it has made');
      return blobs;
    },
  };
}
