import type { Json } from '../../core/canonical-json.ts';
import { parseJson } from '../compiler/parse-json.ts';
import { firstInvalidByte, placeIn } from '../compiler/text-places.ts';
import { sourceBodyLimits } from './limits.ts';
import type { RequestProblem } from './problem.ts';

export type ReadJson =
  | { readonly kind: 'json'; readonly value: Json }
  | { readonly kind: 'malformed'; readonly errors: readonly RequestProblem[] };

/**
 * Reads the bytes of a body as JSON, in UTF-8 (RFC 8259, section 8.1) and as strictly as I-JSON (RFC 7493): what two parsers could
 * understand differently, such as a key that is there twice, is refused with its place.
 */
export function readJson(bytes: Uint8Array): ReadJson {
  const text = decode(bytes);
  if (text === null)
    return malformed([{ in: 'body', ...firstInvalidByte(bytes), message: 'this byte is not UTF-8' }]);
  const deep = tooDeepAt(text);
  if (deep !== null) {
    const message = `maps and lists may be nested ${sourceBodyLimits.jsonDepth} deep`;
    return malformed([{ in: 'body', ...placeIn(text)(deep), message }]);
  }
  const { value, problems } = parseJson(text);
  if (problems.length === 0) return { kind: 'json', value };
  const place = placeIn(text);
  return malformed(
    problems
      .slice(0, sourceBodyLimits.problems)
      .map(({ pointer, message, offset }) => ({ in: 'body', pointer, ...place(offset ?? 0), message })),
  );
}

function malformed(errors: readonly RequestProblem[]): ReadJson {
  return { kind: 'malformed', errors };
}

function decode(bytes: Uint8Array): string | null {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return null;
  }
}

// Looked for before the engine parses: it does not recurse, but takes memory for each level, outside of the heap's limit.
function tooDeepAt(text: string): number | null {
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    if (unit === QUOTE) at = endOfString(text, at);
    else if (unit === BRACKET || unit === BRACE) {
      if (++depth > sourceBodyLimits.jsonDepth) return at;
    } else if (unit === BRACKET + 2 || unit === BRACE + 2) depth--;
  }
  return null;
}

const QUOTE = 0x22;
const BRACKET = 0x5b;
const BRACE = 0x7b;

/** The offset of the closing quote; the text's end when there is none. */
function endOfString(text: string, open: number): number {
  for (let close = text.indexOf('"', open + 1); close !== -1; close = text.indexOf('"', close + 1)) {
    let backslashes = 0;
    while (text.charCodeAt(close - 1 - backslashes) === 0x5c) backslashes++;
    if (backslashes % 2 === 0) return close;
  }
  return text.length;
}
