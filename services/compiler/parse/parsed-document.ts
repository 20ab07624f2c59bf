import type { Json } from '@pointsman/protocol/json/canonical-json';
import { documentLimits } from '@pointsman/protocol/limits';

/**
 * How an integer beyond ±(2^53 − 1) is parsed. With `exact`, it is an error. With `nearest`, it becomes the nearest
 * double.
 */
export type Integers = 'exact' | 'nearest';

/** The error message for deep nesting, which is the same in all formats. */
export const tooDeepMessage = `maps and lists may be nested at most ${documentLimits.depth} levels deep`;

/** An error in a document. Its position is not yet converted to a line and a column. */
export interface Problem {
  readonly pointer: string;
  readonly code: string;
  readonly message: string;
  /**
   * The position of the error in the text, in UTF-16 units. The value is null if the error is at the position of
   * `pointer`.
   */
  readonly offset: number | null;
}

/** The result of a parser. `value` must not be used if there are problems. */
export interface ParsedText {
  readonly value: Json;
  readonly problems: readonly Problem[];
  /**
   * Returns the offset of the value at the pointer, or of the value's key if `key` is true. If the pointer does not
   * exist, returns the offset of its nearest existing parent. The function is slow, so it must only be called to
   * report an error.
   */
  readonly locate: (pointer: string, key?: boolean) => number;
}
