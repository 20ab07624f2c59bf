import type { CompiledBlob, CompileResult } from './compiled.ts';
import { contentOf, type ReadBlobs } from './answer-question.ts';
import type { ReceivedResult } from './received-result.ts';

/** The cache entry of a compiled file: its blob, and the facts that a later compilation needs. */
export interface CachedFile extends CompiledBlob {
  readonly facts: string;
}

/** Estimated overhead of a cache entry: objects, keys and strings. */
const CACHED_FILE_OVERHEAD_BYTES = 600;

/**
 * Assembles the result of a compilation from new blobs, cached blobs and assets. Assets are read only here, because
 * the process does not need them. New blobs are cached even when the source is invalid, so that after a fix only the
 * fixed file is compiled again.
 */
export async function resultFrom(
  ended: ReceivedResult,
  cacheHits: ReadonlyMap<string, CompiledBlob>,
  cache: (key: string, value: CachedFile, bytes: number) => void,
  readBlobs: ReadBlobs,
): Promise<CompileResult> {
  const { made } = ended;
  for (const { key, facts, digest } of ended.cacheEntries) {
    const blob = made.get(digest);
    if (!blob) continue;
    cache(
      key,
      { ...blob, facts },
      blob.content.byteLength + 2 * (key.length + facts.length) + CACHED_FILE_OVERHEAD_BYTES,
    );
  }
  if (ended.kind === 'invalid') {
    return { kind: 'invalid', diagnostics: ended.diagnostics, truncated: ended.truncated };
  }
  const named = new Map<string, string>();
  for (const { files, digest, blobDigests } of ended.artifacts) {
    // Thousands of channels whose overlays change nothing may share an artifact.
    if (named.has(digest)) continue;
    for (const file of files) if (!named.has(file.digest)) named.set(file.digest, file.mediaType);
    for (const other of [digest, ...blobDigests]) if (!named.has(other)) named.set(other, '');
  }
  const unread = [...named.keys()].filter((digest) => !made.has(digest) && !cacheHits.has(digest));
  const assets = unread.length === 0 ? new Map<string, Uint8Array>() : await readBlobs(unread);
  const blobs = [...named].map(([digest, mediaType]): CompiledBlob => {
    const known = made.get(digest) ?? cacheHits.get(digest);
    if (known) return { digest, mediaType: known.mediaType, content: known.content };
    return { digest, mediaType, content: contentOf(assets, digest) };
  });
  return { kind: 'compiled', artifacts: ended.artifacts, blobs, warnings: ended.warnings };
}
