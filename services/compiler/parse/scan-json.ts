import { quotedName } from '@pointsman/protocol/releases/diagnostic';
import { documentLimits } from '@pointsman/protocol/limits';
import { pointerStep } from './json-pointer.ts';
import { type Integers, type Problem, tooDeepMessage } from './parsed-document.ts';
import {
  type ListPlace,
  type MapPlace,
  type Place,
  placeOfList,
  placeOfMap,
  placeOfScalar,
  setMember,
} from './places.ts';

interface Scan {
  readonly text: string;
  readonly integers: Integers;
  readonly problems: Problem[];
  at: number;
}

/** Thrown to end the scan after a syntax error, or when the maximum number of reported errors is reached. */
class ScanStopped extends Error {}

/**
 * Scans JSON and records the position of each value. It also reports errors that `JSON.parse` ignores: duplicate
 * keys, lost digits, lone surrogates, the key `__proto__`, and excessive depth. It is slow, so it runs only when the
 * text may have an error.
 *
 * The packages `jsonc-parser` and `momoa` were not chosen. Both overflow the stack on a list that is nested 10,000
 * deep, and report none of these errors, only syntax errors with less precise positions.
 */
export function scanJson(
  text: string,
  integers: Integers = 'exact',
): { root: Place; problems: readonly Problem[] } {
  const scan: Scan = { text, integers, problems: [], at: 0 };
  let root: Place = placeOfScalar(0, 0);
  try {
    skipSpace(scan);
    root = scanValue(scan, '', 0, scan.at);
    skipSpace(scan);
    if (scan.at < text.length) fail(scan, '', 'unexpected text after the value');
  } catch (error) {
    if (!(error instanceof ScanStopped)) throw error;
  }
  return { root, problems: scan.problems };
}

function scanValue(scan: Scan, pointer: string, depth: number, keyStart: number): Place {
  const start = scan.at;
  const open = scan.text[start];
  if (open === '{' || open === '[') {
    if (depth >= documentLimits.depth) {
      report(scan, pointer, 'too_deep', tooDeepMessage, start);
      throw new ScanStopped();
    }
    scan.at++;
    return open === '{'
      ? scanMembers(scan, pointer, depth, placeOfMap(start, keyStart))
      : scanItems(scan, pointer, depth, placeOfList(start, keyStart));
  }
  if (open === '"') checkString(scan, pointer, scanString(scan, pointer), start);
  else scanPlain(scan, pointer);
  return placeOfScalar(start, keyStart);
}

function scanMembers(scan: Scan, pointer: string, depth: number, place: MapPlace): Place {
  skipSpace(scan);
  if (take(scan, '}')) return place;
  do {
    skipSpace(scan);
    const keyStart = scan.at;
    if (scan.text[keyStart] !== '"') fail(scan, pointer, 'a key in double quotes is expected here');
    const key = scanString(scan, pointer);
    const inner = pointer + pointerStep(key);
    checkKey(scan, inner, key, keyStart, place);
    skipSpace(scan);
    if (!take(scan, ':')) fail(scan, inner, 'a ":" is expected after the key');
    skipSpace(scan);
    setMember(place, key, scanValue(scan, inner, depth + 1, keyStart));
    skipSpace(scan);
  } while (take(scan, ','));
  if (!take(scan, '}')) fail(scan, pointer, 'a "," or "}" is expected here');
  return place;
}

function scanItems(scan: Scan, pointer: string, depth: number, place: ListPlace): Place {
  skipSpace(scan);
  if (take(scan, ']')) return place;
  do {
    skipSpace(scan);
    const inner = pointer + pointerStep(place.items.length);
    place.items.push(scanValue(scan, inner, depth + 1, scan.at));
    skipSpace(scan);
  } while (take(scan, ','));
  if (!take(scan, ']')) fail(scan, pointer, 'a "," or "]" is expected here');
  return place;
}

function checkKey(scan: Scan, pointer: string, key: string, at: number, place: MapPlace): void {
  if (place.members.has(key))
    report(scan, pointer, 'duplicate_key', `the key ${quotedName(key)} occurs twice`, at);
  if (key === '__proto__') report(scan, pointer, 'forbidden_key', 'the key "__proto__" is not allowed', at);
  checkString(scan, pointer, key, at);
}

function checkString(scan: Scan, pointer: string, value: string, at: number): void {
  if (!value.isWellFormed())
    report(scan, pointer, 'lone_surrogate', 'the string contains a lone surrogate', at);
}

/**
 * Scans a string one UTF-16 unit at a time. A regular expression would store a backtracking position for each unit,
 * and the engine throws a RangeError after about ten million of them.
 */
function scanString(scan: Scan, pointer: string): string {
  const { text } = scan;
  const start = scan.at;
  let escapes = 0;
  for (scan.at++; text.charCodeAt(scan.at) !== QUOTE;) {
    const unit = text.charCodeAt(scan.at);
    if (Number.isNaN(unit)) fail(scan, pointer, 'the string is not closed');
    if (unit < 0x20) fail(scan, pointer, 'a control character must be escaped');
    const length = unit === BACKSLASH ? escapeLength(text, scan.at) : 1;
    if (length === null) return fail(scan, pointer, 'this is not a valid escape in JSON');
    if (length > 1) escapes++;
    scan.at += length;
  }
  scan.at++;
  return escapes === 0
    ? text.slice(start + 1, scan.at - 1)
    : (JSON.parse(text.slice(start, scan.at)) as string);
}

/** Returns the length of the escape sequence that begins at `at` (RFC 8259, section 7), or null if it is invalid. */
function escapeLength(text: string, at: number): number | null {
  const letter = text.charAt(at + 1);
  if (letter !== 'u') return letter !== '' && '"\\/bfnrt'.includes(letter) ? 2 : null;
  for (let digit = at + 2; digit < at + 6; digit++) if (!isHex(text.charCodeAt(digit))) return null;
  return 6;
}

function isHex(unit: number): boolean {
  const lower = unit | 0x20;
  return (unit >= 0x30 && unit <= 0x39) || (lower >= 0x61 && lower <= 0x66);
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

function scanPlain(scan: Scan, pointer: string): void {
  const start = scan.at;
  if (match(scan, /(?:true|false|null)(?![\w$])/y) !== null) return;
  const number = match(scan, /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?(?![\w.+-])/y);
  if (number === null) {
    fail(
      scan,
      pointer,
      scan.at >= scan.text.length ? 'the text ends too early' : 'this is not a valid JSON value',
    );
  } else if (!Number.isFinite(Number(number))) {
    report(
      scan,
      pointer,
      'number_not_finite',
      `${number.slice(0, 40)} is too large for a number in JSON`,
      start,
    );
  } else if (
    scan.integers === 'exact' &&
    /^-?[0-9]+$/.test(number) &&
    !Number.isSafeInteger(Number(number))
  ) {
    report(scan, pointer, 'integer_out_of_range', integerMessage(number), start);
  }
}

/** Returns the error message for an integer that would lose digits. It is the same in all formats. */
export function integerMessage(source: string): string {
  return `the integer ${source.slice(0, 40)} is beyond ±(2^53 − 1) and would lose digits; write it as a string`;
}

function match(scan: Scan, pattern: RegExp): string | null {
  pattern.lastIndex = scan.at;
  const found = pattern.exec(scan.text);
  if (!found) return null;
  scan.at = pattern.lastIndex;
  return found[0];
}

function take(scan: Scan, expected: string): boolean {
  if (scan.text[scan.at] !== expected) return false;
  scan.at++;
  return true;
}

function skipSpace(scan: Scan): void {
  match(scan, /[ \t\n\r]*/y);
}

function report(scan: Scan, pointer: string, code: string, message: string, offset: number): void {
  scan.problems.push({ pointer, code, message, offset });
  if (scan.problems.length === documentLimits.diagnostics) throw new ScanStopped();
}

function fail(scan: Scan, pointer: string, message: string): never {
  report(scan, pointer, 'json_syntax', message, scan.at);
  throw new ScanStopped();
}
