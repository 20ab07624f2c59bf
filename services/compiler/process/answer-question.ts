import type { ProcessAnswer, Question } from './compile-protocol.ts';

export type ReadBlobs = (digests: readonly string[]) => Promise<ReadonlyMap<string, Uint8Array>>;

/** A compilation that remembers: what a key stands for, or undefined. */
export type Recall = (key: string) => string | undefined;

/** What is remembered, and what must be read for the rest: each content once, so never more than the source has. */
export async function answerTo(
  { keys, digests }: Question,
  readBlobs: ReadBlobs,
  recall: Recall,
): Promise<ProcessAnswer> {
  const facts = keys.map((key) => (key === null ? null : (recall(key) ?? null)));
  const missing = new Map<string, number>();
  const contents = digests.map((digest, index) => {
    if (facts[index] !== null) return -1;
    const nth = missing.get(digest) ?? missing.size;
    missing.set(digest, nth);
    return nth;
  });
  const asked = [...missing.keys()];
  const blobs = asked.length === 0 ? new Map<string, Uint8Array>() : await readBlobs(asked);
  // One buffer: thousands of small ones are slow to send.
  const arena = new Uint8Array(asked.reduce((sum, digest) => sum + contentOf(blobs, digest).byteLength, 0));
  let end = 0;
  const ends = asked.map((digest) => {
    const content = contentOf(blobs, digest);
    arena.set(content, end);
    end += content.byteLength;
    return end;
  });
  return { facts, contents, digests: asked, ends, arena };
}

function contentOf(blobs: ReadonlyMap<string, Uint8Array>, digest: string): Uint8Array {
  const content = blobs.get(digest);
  if (!content) throw new Error(`the store has no blob ${digest}`);
  return content;
}
