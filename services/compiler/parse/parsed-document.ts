import type { Json } from '@pointsman/protocol/json/canonical-json';
import { documentLimits } from '@pointsman/protocol/limits';

/** The treatment of an integer beyond ±(2^53 − 1): it is a problem (`exact`), or becomes the nearest double (`nearest`). */
export type Integers = 'exact' | 'nearest';

/** The parsers of all formats use this message. */
export const tooDeepMessage = `maps and lists may be nested at most ${documentLimits.depth} levels deep`;

/** A problem in a document, before its position is converted to a line and a column. */
export interface Problem {
  readonly pointer: string;
  readonly code: string;
  readonly message: string;
  /** The position in the text, in UTF-16 units. If it is null, the problem is at the position of the pointer. */
  readonly offset: number | null;
}

/** The result of a parser. `value` is valid only if there are no problems. */
export interface ParsedText {
  readonly value: Json;
  readonly problems: readonly Problem[];
  /**
   * Returns the offset of a pointer's value, or of its key if `key` is true. If the pointer does not exist, returns the offset of the
   * nearest parent. Slow, so it is called only for problems.
   */
  readonly locate: (pointer: string, key?: boolean) => number;
}
