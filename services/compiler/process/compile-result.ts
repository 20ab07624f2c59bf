import type { CompiledBlob, CompileResult } from './compiled.ts';
import { contentOf, type ReadBlobs } from './answer-question.ts';
import type { ReceivedResult } from './received-result.ts';

/**
 * The cache entry of a compiled file. It contains the compiled blob, and the facts that a later compilation needs
 * about the file.
 */
export interface CachedFile extends CompiledBlob {
  readonly facts: string;
}

/** The estimated memory overhead of one cache entry in bytes: objects, keys and strings. */
const CACHED_FILE_OVERHEAD_BYTES = 600;

/**
 * Assembles the result of a compilation from new blobs, cached blobs and assets. The assets are read only here,
 * because the compile process does not need their contents. New blobs are cached even if the source is invalid. The
 * next compilation then compiles only the files that the author has fixed.
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
    // The overlays of thousands of channels may change nothing, so that the channels share one artifact. Its files
    // are added once.
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
