import { artifactLimits } from '@pointsman/protocol/limits';
import { digestOf } from '@pointsman/protocol/digest';
import type { CacheEntry } from './process/compile-protocol.ts';
import { cacheEntryLimits } from './limits.ts';

/** A text that becomes a blob. `size` is the length of its UTF-8 encoding in bytes. */
export interface MadeBlob {
  readonly digest: string;
  readonly size: number;
  readonly mediaType: string;
  readonly text: string;
}

/**
 * The output of a compilation: blobs without duplicates, and cache entries for later compilations.
 * `artifactLimits.madeBytes` limits the total size of the blobs. Blobs from the cache also count. Otherwise the state
 * of the cache would decide whether a source exceeds the limit.
 */
export interface CompileOutput {
  /** Adds a blob. Returns null if the total size would exceed the limit. */
  readonly blob: (text: string, mediaType: string) => Omit<MadeBlob, 'text'> | null;
  /** Counts a blob from the cache. Returns false if the total size would exceed the limit. */
  readonly addCached: (blob: { readonly digest: string; readonly size: number }) => boolean;
  /** Whether a blob was refused because of the limit. */
  readonly isFull: () => boolean;
  /**
   * Adds a cache entry. If the total size would exceed `cacheEntryLimits.sourceChars`, the entry is dropped. The next
   * compilation then computes its result again.
   */
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
