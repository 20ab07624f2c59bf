import { digestOf } from '../../../packages/protocol/digest.ts';
import { sourceTree, type SourceTree } from '../../../packages/protocol/releases/source.ts';
import { compileSource } from '../../../services/compiler/compile-source.ts';
import type { ProcessResult } from '../../../services/compiler/process/compile-protocol.ts';
import type { MadeBlob } from '../../../services/compiler/made-blobs.ts';

export type Files = { readonly [path: string]: string | Uint8Array };

/** A source in memory: its tree, and a reader that records the digests that it reads. */
export interface MemorySource {
  readonly tree: SourceTree;
  readonly readBlobs: (digests: readonly string[]) => Promise<ReadonlyMap<string, Uint8Array>>;
  /** The digests that were read, in order. */
  readonly read: string[];
}

export function memorySource(files: Files): MemorySource {
  const contents = new Map<string, Uint8Array>();
  const entries = Object.entries(files).map(([path, file]) => {
    const content = typeof file === 'string' ? new TextEncoder().encode(file) : file;
    const digest = digestOf(content);
    contents.set(digest, content);
    return { path, digest, size: content.byteLength };
  });
  const read: string[] = [];
  return {
    tree: sourceTree(entries),
    read,
    readBlobs: async (digests) => {
      read.push(...digests);
      return new Map(
        digests.flatMap((digest) => {
          const content = contents.get(digest);
          return content ? [[digest, content] as const] : [];
        }),
      );
    },
  };
}

/** Compiles in this process, without a cache. */
export async function compileHere(files: Files): Promise<ProcessResult<readonly MadeBlob[]>> {
  const { tree, readBlobs } = memorySource(files);
  return await compileSource(tree.entries, async (wanted) => {
    const blobs = await readBlobs(wanted.map(({ digest }) => digest));
    return wanted.map(({ digest }) => ({ facts: null, content: blobs.get(digest) ?? null }));
  });
}

/** Returns the diagnostics of an invalid source as `path:line:column code pointer`. Throws if the source is valid. */
export async function problemsOf(files: Files): Promise<string[]> {
  const result = await compileHere(files);
  if (result.kind !== 'invalid') throw new Error('the source compiled without a problem');
  return result.diagnostics.map(({ path, line, column, code, pointer }) =>
    `${path}:${line}:${column} ${code} ${pointer}`.trimEnd(),
  );
}

/** The texts of the files in one channel's artifact, by path. Throws when the source does not compile. */
export async function artifactOf(
  files: Files,
  channel: string | null = null,
): Promise<{ [path: string]: string }> {
  const result = await compileHere(files);
  if (result.kind === 'invalid') throw new Error(JSON.stringify(result.diagnostics));
  const artifact = result.artifacts.find((candidate) => candidate.channel === channel);
  if (!artifact) throw new Error(`there is no artifact for the channel ${channel}`);
  const texts = new Map(result.made.map(({ digest, text }) => [digest, text]));
  return Object.fromEntries(
    artifact.files.map((file) => [file.path, texts.get(file.digest) ?? `(${file.mediaType})`]),
  );
}
