import type { CompiledBlob, CompileResult } from './compiled.ts';
import type { OpenDocumentCache } from '../document-cache.ts';
import { contentOf, type ReadBlobs } from './answer-question.ts';
import type { ReceivedResult } from './received-result.ts';

/**
 * Assembles the result of a compilation from new blobs, cached blobs and assets. The assets are read only here,
 * because the compile process does not need their contents. The contents of stored documents are not read. New blobs
 * are cached even if the source is invalid. The next compilation then compiles only the files that the author has fixed.
 */
export async function resultFrom(
  ended: ReceivedResult,
  { contents, stored, add }: Omit<OpenDocumentCache, 'recall'>,
  readBlobs: ReadBlobs,
): Promise<CompileResult> {
  const { made } = ended;
  const documents = ended.cacheEntries.filter(({ digest }) => made.has(digest));
  for (const entry of documents) {
    const blob = made.get(entry.digest);
    if (blob) add(entry, blob);
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
  const isHere = (digest: string): boolean => made.has(digest) || contents.has(digest);
  const unread = [...named.keys()].filter((digest) => !isHere(digest) && !stored.has(digest));
  const assets = unread.length === 0 ? new Map<string, Uint8Array>() : await readBlobs(unread);
  const blobs = [...named].flatMap(([digest, mediaType]): CompiledBlob[] => {
    const known = made.get(digest) ?? contents.get(digest);
    if (known) return [{ digest, mediaType: known.mediaType, content: known.content }];
    return stored.has(digest) ? [] : [{ digest, mediaType, content: contentOf(assets, digest) }];
  });
  const { artifacts, warnings } = ended;
  return { kind: 'compiled', artifacts, blobs, documents, lacksContent: blobs.length < named.size, warnings };
}
