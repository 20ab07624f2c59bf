import { artifactLimits } from '@pointsman/protocol/limits';
import { digestOf } from '@pointsman/protocol/digest';
import type { CacheEntry } from './process/compile-protocol.ts';
import { cacheEntryLimits } from './limits.ts';

/** A text that will be stored as a blob. `size` is in bytes. */
export interface MadeBlob {
  readonly digest: string;
  readonly size: number;
  readonly mediaType: string;
  readonly text: string;
}

/**
 * The output of a compilation: blobs, deduplicated by digest, and cache entries for later compilations. The total
 * size of the blobs is limited by `artifactLimits.madeBytes`. Blobs from the cache count too, so that the cache
 * does not change whether a source fits.
 */
export interface CompileOutput {
  /** Adds a blob. Returns null when it exceeds the limit. */
  readonly blob: (text: string, mediaType: string) => Omit<MadeBlob, 'text'> | null;
  /** Counts a blob from the cache. Returns false when it exceeds the limit. */
  readonly addCached: (blob: { readonly digest: string; readonly size: number }) => boolean;
  /** Whether a blob exceeded the limit. */
  readonly isFull: () => boolean;
  /** Adds a cache entry. Does nothing above `cacheEntryLimits.sourceChars`: the next compilation then repeats the work. */
  readonly cache: (entry: CacheEntry) => void;
  readonly cacheEntries: readonly CacheEntry[];
  readonly blobs: () => readonly MadeBlob[];
}

export function compileOutput(): CompileOutput {
  const blobs = new Map<string, MadeBlob>();
  const counted = new Set<string>();
  const cacheEntries: CacheEntry[] = [];
  let bytes = 0;
  let chars = 0;
  let isFull = false;
  const addCached: CompileOutput['addCached'] = ({ digest, size }) => {
    if (counted.has(digest)) return true;
    if (bytes + size > artifactLimits.madeBytes) {
      isFull = true;
      return false;
    }
    bytes += size;
    counted.add(digest);
    return true;
  };
  return {
    blob: (text, mediaType) => {
      const size = Buffer.byteLength(text);
      const digest = digestOf(text);
      if (!addCached({ digest, size })) return null;
      if (!blobs.has(digest)) blobs.set(digest, { digest, size, mediaType, text });
      return { digest, size, mediaType };
    },
    addCached,
    isFull: () => isFull,
    cache: (entry) => {
      chars += entry.key.length + entry.facts.length;
      if (chars <= cacheEntryLimits.sourceChars) cacheEntries.push(entry);
    },
    cacheEntries,
    blobs: () => [...blobs.values()],
  };
}
