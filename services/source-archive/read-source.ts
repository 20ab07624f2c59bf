import type { Diagnostic } from '../../core/releases/diagnostic.ts';
import type { SourceTree } from '../../core/releases/source.ts';

/** The files of a source, as they came out of whatever brought them. */
export interface ReadSource {
  readonly kind: 'source';
  readonly tree: SourceTree;
  /** All different contents one after the other, each as long as its digest's entry says, in the order of `digests`. */
  readonly arena: Uint8Array<ArrayBuffer>;
  readonly digests: readonly string[];
  readonly ends: readonly number[];
}

/** Files that can't be a source. */
export interface InvalidSource {
  readonly kind: 'invalid';
  readonly diagnostics: readonly Diagnostic[];
  readonly truncated: boolean;
}

/** The contents by their digests: views into the arena. */
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
