import type { Diagnostic } from '@pointsman/protocol/releases/diagnostic';
import type { SourceTree } from '@pointsman/protocol/releases/source';

/** The files of a source, read from an archive or from a JSON body. */
export interface ReadSource {
  readonly kind: 'source';
  readonly tree: SourceTree;
  /** All distinct contents in one buffer, in the order of `digests`. `ends` contains the end offset of each. */
  readonly arena: Uint8Array<ArrayBuffer>;
  readonly digests: readonly string[];
  readonly ends: readonly number[];
}

/** The result for files that do not form a valid source. */
export interface InvalidSource {
  readonly kind: 'invalid';
  readonly diagnostics: readonly Diagnostic[];
  readonly truncated: boolean;
}

/** Returns the contents by digest, as views into the arena. */
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
