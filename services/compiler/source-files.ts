import type { SourceEntry } from '@pointsman/protocol/releases/source';
import type { Ask } from './process/compile-protocol.ts';

/** The files of a source. The content of a file is read on demand, and at most once. */
export interface SourceFiles {
  readonly entries: readonly SourceEntry[];
  readonly find: (path: string) => SourceEntry | undefined;
  readonly read: (paths: readonly string[]) => Promise<void>;
  /** Returns the content of a file. Throws if the file was not read by `read` before. */
  readonly contentOf: (path: string) => Uint8Array;
}

export function sourceFiles(entries: readonly SourceEntry[], ask: Ask): SourceFiles {
  const byPath = new Map(entries.map((entry) => [entry.path, entry]));
  const contents = new Map<string, Uint8Array>();
  return {
    entries,
    find: (path) => byPath.get(path),
    read: async (paths) => {
      const wanted = paths.map((path) => byPath.get(path)).filter((entry) => entry !== undefined);
      const digests = [...new Set(wanted.map((entry) => entry.digest))].filter(
        (digest) => !contents.has(digest),
      );
      if (digests.length === 0) return;
      const answer = await ask(digests.map((digest) => ({ key: null, digest })));
      for (const [index, digest] of digests.entries()) contents.set(digest, contentAt(answer, index));
    },
    contentOf: (path) => {
      const content = contents.get(byPath.get(path)?.digest ?? '');
      if (!content) throw new Error(`${path} was not read before it was used`);
      return content;
    },
  };
}

function contentAt(answer: Awaited<ReturnType<Ask>>, index: number): Uint8Array {
  const content = answer[index]?.content;
  if (!content) throw new Error('a requested file is missing from the response');
  return content;
}
