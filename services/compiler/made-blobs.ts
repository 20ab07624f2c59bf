import { artifactLimits } from '@pointsman/protocol/limits';
import { digestOf } from '@pointsman/protocol/digest';
import type { Memory } from './process/compile-protocol.ts';
import { memoryLimits } from './limits.ts';

/** A text that is to become a blob. `size` is in bytes. */
export interface MadeBlob {
  readonly digest: string;
  readonly size: number;
  readonly mediaType: string;
  readonly text: string;
}

/**
 * What a compilation makes: texts, each kept once by its digest, and what a later compilation may take over. All blobs together are
 * bounded by `artifactLimits.madeBytes`, those included that are taken over: a source fits or not, whatever was compiled before.
 */
export interface Making {
  /** Keeps a text that is to become a blob; null when it does not fit. */
  readonly blob: (text: string, mediaType: string) => Omit<MadeBlob, 'text'> | null;
  /** Counts a blob that an earlier compilation made; false when it does not fit. */
  readonly takeOver: (blob: { readonly digest: string; readonly size: number }) => boolean;
  /** Whether something did not fit. */
  readonly isFull: () => boolean;
  /** Past `memoryLimits.sourceChars` it does nothing: then the next compilation does that work again. */
  readonly remember: (memory: Memory) => void;
  readonly memories: readonly Memory[];
  readonly blobs: () => readonly MadeBlob[];
}

export function making(): Making {
  const blobs = new Map<string, MadeBlob>();
  const counted = new Set<string>();
  const memories: Memory[] = [];
  let bytes = 0;
  let chars = 0;
  let isFull = false;
  const takeOver: Making['takeOver'] = ({ digest, size }) => {
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
      if (!takeOver({ digest, size })) return null;
      if (!blobs.has(digest)) blobs.set(digest, { digest, size, mediaType, text });
      return { digest, size, mediaType };
    },
    takeOver,
    isFull: () => isFull,
    remember: (memory) => {
      chars += memory.key.length + memory.facts.length;
      if (chars <= memoryLimits.sourceChars) memories.push(memory);
    },
    memories,
    blobs: () => [...blobs.values()],
  };
}
