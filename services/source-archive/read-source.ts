import type { Diagnostic } from '@pointsman/protocol/releases/diagnostic';
import type { SourceTree } from '@pointsman/protocol/releases/source';

/** The files of a source, after they were read from an archive or a JSON body. */
export interface ReadSource {
  readonly kind: 'source';
  readonly tree: SourceTree;
  /**
   * All distinct contents, one after the other. `digests` has their digests in the same order, and `ends` the offset
   * at which each content ends.
   */
  readonly arena: Uint8Array<ArrayBuffer>;
  readonly digests: readonly string[];
  readonly ends: readonly number[];
}

/** The result if the files are not a valid source. */
export interface InvalidSource {
  readonly kind: 'invalid';
  readonly diagnostics: readonly Diagnostic[];
  readonly truncated: boolean;
}

/** Returns the contents by digest. They are views into the arena, not copies. */
export function contentsOf({ arena, digests, ends }: ReadSource): Map<string, Uint8Array> {
  let start = 0;
  return new Map(
    digests.map((digest, index) => {
      const end = ends[index] ?? start;
      const content = arena.subarray(start, end);
      start = end;
      return [digest, content];
    }),
  );
}
