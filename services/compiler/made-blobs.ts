import { digestOf } from '../../core/digest.ts';
import type { MadeBlobs, Memory } from './compile-protocol.ts';

/** What a compilation makes: texts, each kept once by its digest, and what a later compilation may take over. */
export interface Making {
  /** Keeps a text that is to become a blob. */
  readonly blob: (text: string, mediaType: string) => { digest: string; size: number; mediaType: string };
  readonly remember: (memory: Memory) => void;
  readonly memories: readonly Memory[];
  /** All blobs in one buffer that can be handed to another process. */
  readonly pack: () => MadeBlobs;
}

export function making(): Making {
  const blobs = new Map<string, { text: string; size: number; mediaType: string }>();
  const memories: Memory[] = [];
  return {
    blob: (text, mediaType) => {
      const digest = digestOf(text);
      const size = Buffer.byteLength(text);
      if (!blobs.has(digest)) blobs.set(digest, { text, size, mediaType });
      return { digest, size, mediaType };
    },
    remember: (memory) => memories.push(memory),
    memories,
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
