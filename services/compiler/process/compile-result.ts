import type { CompiledBlob, CompileResult } from './compiled.ts';
import { contentOf, type ReadBlobs } from './answer-question.ts';
import type { ReceivedResult } from './received-result.ts';

/** What is remembered of one compiled file: its blob, and what the process wants to know about it. */
export interface Kept extends CompiledBlob {
  readonly facts: string;
}

/** Objects, keys and strings around a kept file, roughly: what a content of one byte costs. */
const KEPT_OVERHEAD_BYTES = 600;

/**
 * The result of a compilation: what the process made, what was taken over, and the assets, which are read only now and never reached
 * the process. What it made is remembered even when the source is invalid, so that mending one file compiles one file.
 */
export async function resultFrom(
  ended: ReceivedResult,
  recalled: ReadonlyMap<string, CompiledBlob>,
  keep: (key: string, value: Kept, bytes: number) => void,
  readBlobs: ReadBlobs,
): Promise<CompileResult> {
  const { made } = ended;
  for (const { key, facts, digest } of ended.memories) {
    const blob = made.get(digest);
    if (!blob) continue;
    keep(
      key,
      { ...blob, facts },
      blob.content.byteLength + 2 * (key.length + facts.length) + KEPT_OVERHEAD_BYTES,
    );
  }
  if (ended.kind === 'invalid') {
    return { kind: 'invalid', diagnostics: ended.diagnostics, truncated: ended.truncated };
  }
  const named = new Map<string, string>();
  for (const { files, digest, blobDigests } of ended.artifacts) {
    // Of a channel that changes nothing: thousands of them may share one artifact.
    if (named.has(digest)) continue;
    for (const file of files) if (!named.has(file.digest)) named.set(file.digest, file.mediaType);
    for (const other of [digest, ...blobDigests]) if (!named.has(other)) named.set(other, '');
  }
  const unread = [...named.keys()].filter((digest) => !made.has(digest) && !recalled.has(digest));
  const assets = unread.length === 0 ? new Map<string, Uint8Array>() : await readBlobs(unread);
  const blobs = [...named].map(([digest, mediaType]): CompiledBlob => {
    const known = made.get(digest) ?? recalled.get(digest);
    if (known) return { digest, mediaType: known.mediaType, content: known.content };
    return { digest, mediaType, content: contentOf(assets, digest) };
  });
  return { kind: 'compiled', artifacts: ended.artifacts, blobs, warnings: ended.warnings };
}
