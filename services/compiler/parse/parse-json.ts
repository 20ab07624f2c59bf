import type { Json } from '@pointsman/protocol/json/canonical-json';
import { documentLimits } from '@pointsman/protocol/limits';
import { isList } from './json-pointer.ts';
import { closingQuote, locatePlace } from './places.ts';
import { scanJson } from './scan-json.ts';
import type { Integers, ParsedText } from './parsed-document.ts';

/**
 * Parses JSON (RFC 8259) with the additional rules of I-JSON (RFC 7493).
 *
 * `JSON.parse` is ten times as fast as the scanner in scan-json.ts, but it ignores duplicate keys and lost digits. A
 * cheap check of its result detects that a text may have such errors. Only then does the scanner read the text again,
 * to report the errors with their positions.
 */
export function parseJson(text: string, integers: Integers = 'exact'): ParsedText {
  let scanned: ReturnType<typeof scanJson> | null = null;
  const scan = (): ReturnType<typeof scanJson> => (scanned ??= scanJson(text, integers));
  const locate = (pointer: string, key = false): number => locatePlace(scan().root, pointer, key);
  let value: Json;
  try {
    value = JSON.parse(text) as Json;
  } catch (error) {
    const { problems } = scan();
    if (problems.length > 0) return { value: null, problems, locate };
    const message = error instanceof Error ? error.message : 'not JSON';
    return { value: null, problems: [{ pointer: '', code: 'json_syntax', message, offset: 0 }], locate };
  }
  const members = countMembersIfSafe(value, 0);
  if (members >= 0 && members === countColons(text)) return { value, problems: [], locate };
  return { value, problems: scan().problems, locate };
}

/**
 * Returns the total number of members of all objects in the value. Returns -1 if the value may have an error that
 * only the scanner can report.
 */
function countMembersIfSafe(value: Json, depth: number): number {
  if (typeof value === 'string') return value.isWellFormed() ? 0 : -1;
  if (typeof value === 'number') return isSafeNumber(value) ? 0 : -1;
  if (value === null || typeof value !== 'object') return 0;
  if (depth >= documentLimits.depth) return -1;
  if (isList(value)) return sumOf(value, depth);
  const keys = Object.keys(value);
  for (const key of keys) if (key === '__proto__' || !key.isWellFormed()) return -1;
  const inside = sumOf(Object.values(value), depth);
  return inside < 0 ? -1 : keys.length + inside;
}

function sumOf(values: readonly Json[], depth: number): number {
  let members = 0;
  for (const value of values) {
    const inside = countMembersIfSafe(value, depth + 1);
    if (inside < 0) return -1;
    members += inside;
  }
  return members;
}

function isSafeNumber(value: number): boolean {
  return Number.isSafeInteger(value) || (Number.isFinite(value) && !Number.isInteger(value));
}

/**
 * Counts the colons outside strings. In valid JSON there is one for each member. A parsed value with fewer members
 * than colons therefore means that the text has a duplicate key.
 */
function countColons(text: string): number {
  let colons = 0;
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    if (unit === 0x3a) colons++;
    else if (unit === 0x22) at = closingQuote(text, at + 1, '"');
  }
  return colons;
}
