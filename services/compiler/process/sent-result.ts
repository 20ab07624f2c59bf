import type { FromTask, ProcessResult } from './compile-protocol.ts';
import { processLimits } from '../limits.ts';
import type { MadeBlob } from '../made-blobs.ts';

/** Splits a result into small messages: the outcome, then the artifacts, then pieces of the blob contents. */
export function* messagesOf(result: ProcessResult<readonly MadeBlob[]>): Generator<FromTask> {
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
function* piecesOf(made: readonly MadeBlob[], pieceBytes: number = processLimits.pieceBytes) {
  let piece = new Uint8Array(pieceBytes);
  let length = 0;
  for (const { text } of made) {
    const content = Buffer.from(text);
    for (let start = 0; start < content.byteLength;) {
      const part = content.subarray(start, start + pieceBytes - length);
      piece.set(part, length);
      start += part.byteLength;
      length += part.byteLength;
      if (length < pieceBytes) continue;
      yield piece;
      piece = new Uint8Array(pieceBytes);
      length = 0;
    }
  }
  if (length > 0) yield piece.slice(0, length);
}
