import type { Json } from '@pointsman/protocol/json/canonical-json';

/** What an integer beyond ±(2^53 − 1) is: a problem, or the nearest double. */
export type Integers = 'exact' | 'nearest';

/** A problem inside one document, before its place is turned into a line and a column. */
export interface Problem {
  readonly pointer: string;
  readonly code: string;
  readonly message: string;
  /** Where it is in the text, in UTF-16 units; null to have it looked up by the pointer. */
  readonly offset: number | null;
}

/** What a parser found. `value` means something only when there are no problems. */
export interface ParsedText {
  readonly value: Json;
  readonly problems: readonly Problem[];
  /** Where a pointer's value begins (its key, if `key` is asked for), or the nearest parent that is there. Costly: only for problems. */
  readonly locate: (pointer: string, key?: boolean) => number;
}
