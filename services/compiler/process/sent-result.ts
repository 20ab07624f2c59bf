import type { FromTask, ProcessResult } from './compile-protocol.ts';
import type { PartOfResult } from './received-result.ts';
import { processLimits } from '../limits.ts';
import type { MadeBlob } from '../made-blobs.ts';

/** The estimated size of one entry of a list in a message, in bytes: a digest or a path, and its attributes. */
const ENTRY_BYTES = 200;

/** Splits a result into messages. Each message contains several small parts, or one large part. */
export function* messagesOf(result: ProcessResult<readonly MadeBlob[]>): Generator<readonly FromTask[]> {
  let parts: PartOfResult[] = [];
  let bytes = 0;
  for (const part of partsOf(result)) {
    const more = bytesOf(part);
    if (parts.length > 0 && bytes + more > processLimits.messageBytes) {
      yield parts;
      parts = [];
      bytes = 0;
    }
    parts.push(part);
    bytes += more;
  }
  yield parts;
}

function bytesOf(part: PartOfResult): number {
  if (part.kind === 'piece') return part.bytes.byteLength;
  if (part.kind === 'artifact') {
    const { list } = part.artifact;
    return ENTRY_BYTES * (1 + (list === null ? 0 : list.files.length + list.blobDigests.length));
  }
  const { made, cacheEntries } = part.outcome;
  return cacheEntries.reduce((sum, { facts }) => sum + facts.length, ENTRY_BYTES * made.digests.length);
}

/** Splits a result into small parts: the outcome, then the artifacts, then pieces of the blob contents. */
function* partsOf(result: ProcessResult<readonly MadeBlob[]>): Generator<PartOfResult> {
  const { made, cacheEntries } = result;
  const announced = {
    digests: made.map(({ digest }) => digest),
    mediaTypes: made.map(({ mediaType }) => mediaType),
    sizes: made.map(({ size }) => size),
  };
  if (result.kind === 'invalid') {
    yield { kind: 'outcome', outcome: { ...result, made: announced, cacheEntries } };
  } else {
    const { kind, warnings, artifacts } = result;
    yield { kind: 'outcome', outcome: { kind, warnings, made: announced, cacheEntries } };
    const sent = new Set<string>();
    for (const { channel, digest, files, blobDigests } of artifacts) {
      const list = sent.has(digest) ? null : { files, blobDigests };
      sent.add(digest);
      yield { kind: 'artifact', artifact: { channel, digest, list } };
    }
  }
  for (const bytes of piecesOf(made)) yield { kind: 'piece', bytes };
}

/**
 * Concatenates the contents of the blobs, and splits the bytes into pieces of equal size. The last piece may be
 * smaller.
 */
function* piecesOf(made: readonly MadeBlob[]) {
  let left = made.reduce((sum, { size }) => sum + size, 0);
  const emptyPiece = () => new Uint8Array(Math.min(processLimits.pieceBytes, left));
  let piece = emptyPiece();
  let length = 0;
  for (const { text } of made) {
    const content = Buffer.from(text);
    for (let start = 0; start < content.byteLength;) {
      const part = content.subarray(start, start + piece.byteLength - length);
      piece.set(part, length);
      start += part.byteLength;
      length += part.byteLength;
      left -= part.byteLength;
      if (length < piece.byteLength) continue;
      yield piece;
      piece = emptyPiece();
      length = 0;
    }
  }
}
