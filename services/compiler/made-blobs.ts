import { digestOf } from '../../core/digest.ts';
import { compileLimits } from '../../core/limits.ts';
import type { MadeBlobs, Memory } from './compile-protocol.ts';
import { memoryLimits } from './limits.ts';

/** What a compilation makes: texts, each kept once by its digest, and what a later compilation may take over. */
export interface Making {
  /** Keeps a text that is to become a blob. */
  readonly blob: (text: string, mediaType: string) => { digest: string; size: number; mediaType: string };
  /** Past {@link memoryLimits} it is not remembered. */
  readonly remember: (memory: Memory) => void;
  readonly memories: readonly Memory[];
  /** Whether that is more than a compilation may make. What comes after is not kept. */
  readonly isTooLarge: () => boolean;
  /** All blobs in one buffer that can be handed to another process. */
  readonly pack: () => MadeBlobs;
}

export function making(): Making {
  const blobs = new Map<string, { text: string; size: number; mediaType: string }>();
  const memories: Memory[] = [];
  let bytes = 0;
  let factsChars = 0;
  const isTooLarge = (): boolean => bytes > compileLimits.madeBytes;
  return {
    blob: (text, mediaType) => {
      const digest = digestOf(text);
      const size = Buffer.byteLength(text);
      if (blobs.has(digest)) return { digest, size, mediaType };
      bytes += size;
      if (isTooLarge()) blobs.clear();
      else blobs.set(digest, { text, size, mediaType });
      return { digest, size, mediaType };
    },
    remember: (memory) => {
      factsChars += memory.facts.length;
      if (factsChars <= memoryLimits.sourceChars) memories.push(memory);
    },
    memories,
    isTooLarge,
    pack: () => {
      const all = [...blobs.values()];
      const arena = new Uint8Array(all.reduce((sum, blob) => sum + blob.size, 0));
      const encoder = new TextEncoder();
      let end = 0;
      const ends = all.map(({ text }) => (end += encoder.encodeInto(text, arena.subarray(end)).written));
      return { arena, digests: [...blobs.keys()], mediaTypes: all.map((blob) => blob.mediaType), ends };
    },
  };
}
