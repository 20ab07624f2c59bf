/**
 * Limits for parsing a JSON document from an untrusted source. Its size in bytes must be limited by the code
 * that receives it.
 */
export interface JsonBounds {
  /** The maximum nesting depth of objects and arrays. */
  readonly depth: number;
  /**
   * The maximum number of values in all objects and arrays together. Each value takes memory, and each may
   * cause a problem that is reported.
   */
  readonly values: number;
}

export interface JsonExcess {
  readonly past: keyof JsonBounds;
  /** The offset in the text at which the limit is exceeded. */
  readonly offset: number;
}

/**
 * Returns where a text exceeds the limits, or null if it does not. The text is scanned before it is parsed,
 * in one pass and without allocating memory.
 *
 * The limits are needed in addition to a size limit. For example, an array of two million zeros has only 4 MB
 * of text. If a schema rejects each zero, the problems take gigabytes.
 */
export function jsonExcess(text: string, { depth, values }: JsonBounds): JsonExcess | null {
  let nesting = 0;
  // The number of values whose start was found. An opening bracket starts the first value, and each comma
  // starts another one.
  let started = 1;
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    if (unit === QUOTE) at = endOfString(text, at);
    else if (unit === BRACKET || unit === BRACE) {
      if (++nesting > depth) return { past: 'depth', offset: at };
      if (++started > values) return { past: 'values', offset: at };
    } else if (unit === CLOSING_BRACKET || unit === CLOSING_BRACE) nesting--;
    else if (unit === COMMA && ++started > values) return { past: 'values', offset: at };
  }
  return null;
}

const QUOTE = 0x22;
const COMMA = 0x2c;
const BRACKET = 0x5b;
const CLOSING_BRACKET = 0x5d;
const BRACE = 0x7b;
const CLOSING_BRACE = 0x7d;

/** Returns the offset of the quote that closes the string. Returns the end of the text if it is missing. */
function endOfString(text: string, open: number): number {
  for (let close = text.indexOf('"', open + 1); close !== -1; close = text.indexOf('"', close + 1)) {
    let backslashes = 0;
    while (text.charCodeAt(close - 1 - backslashes) === 0x5c) backslashes++;
    if (backslashes % 2 === 0) return close;
  }
  return text.length;
}

export type BoundedJson =
  | { readonly kind: 'json'; readonly value: unknown }
  /** The bytes are not valid UTF-8, or the text is not JSON. */
  | { readonly kind: 'not_json' }
  | { readonly kind: 'excess'; readonly problem: string };

/** Parses a JSON document from an untrusted source, if it is within the limits. */
export function parseBoundedJson(bytes: Uint8Array, bounds: JsonBounds): BoundedJson {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    const excess = jsonExcess(text, bounds);
    if (excess !== null) return { kind: 'excess', problem: excessText(excess, bounds) };
    return { kind: 'json', value: JSON.parse(text) };
  } catch {
    return { kind: 'not_json' };
  }
}

export function excessText({ past }: Pick<JsonExcess, 'past'>, bounds: JsonBounds): string {
  return past === 'depth'
    ? `maps and lists may be nested at most ${bounds.depth} deep`
    : `a document may have at most ${bounds.values} values`;
}
