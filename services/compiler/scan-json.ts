import { quotedName } from '../../core/diagnostic.ts';
import { documentLimits } from '../../core/limits.ts';
import { pointerSteps, pointerWithin } from './json-pointer.ts';
import type { Integers, Problem } from './parsed-document.ts';

/** Where a value stands in the text, and everything inside it. */
export interface Place {
  readonly start: number;
  /** Where its key begins; its own start when it has none. */
  readonly keyStart: number;
  /** Null for what is neither a map nor a list: a document may have millions of them. */
  readonly inside: ReadonlyMap<string, Place> | readonly Place[] | null;
}

interface Scan {
  readonly text: string;
  readonly problems: Problem[];
  readonly integers: Integers;
  /** From the root to the value that is read. Only a problem makes a pointer of them. */
  readonly steps: (string | number)[];
  at: number;
}

/** Ends the scan: after a syntax error nothing that follows has a certain meaning, and after the last problem that is reported nothing is asked. */
class Unreadable extends Error {}

/**
 * Reads JSON slowly, for its places and for all that the engine's parser keeps silent about: duplicate keys, lost digits, lone
 * surrogates, `__proto__`, depth. Only documents that have a problem come here. Stops after `documentLimits.diagnostics` problems.
 */
export function scanJson(text: string, integers: Integers): { root: Place; problems: readonly Problem[] } {
  const scan: Scan = { text, problems: [], integers, steps: [], at: 0 };
  let root: Place = { start: 0, keyStart: 0, inside: null };
  try {
    skipSpace(scan);
    root = scanValue(scan, scan.at);
    skipSpace(scan);
    if (scan.at < text.length) fail(scan, 'nothing may follow the value');
  } catch (error) {
    if (!(error instanceof Unreadable)) throw error;
  }
  return { root, problems: scan.problems };
}

/** The offset of a pointer's value or key, or of the nearest parent that is there. */
export function locatePlace(root: Place, pointer: string, key: boolean): number {
  let place = root;
  const steps = pointerSteps(pointer) ?? [];
  for (const [depth, step] of steps.entries()) {
    const next = childPlace(place, step);
    if (!next) return place.start;
    if (key && depth === steps.length - 1) return next.keyStart;
    place = next;
  }
  return place.start;
}

function childPlace({ inside }: Place, step: string): Place | undefined {
  if (inside === null) return undefined;
  return isItems(inside) ? inside[Number(step)] : inside.get(step);
}

function isItems(inside: NonNullable<Place['inside']>): inside is readonly Place[] {
  return Array.isArray(inside);
}

function scanValue(scan: Scan, keyStart: number): Place {
  const start = scan.at;
  const open = scan.text[start];
  if (open === '{' || open === '[') {
    if (scan.steps.length >= documentLimits.depth) {
      report(scan, 'too_deep', `maps and lists may be nested ${documentLimits.depth} deep`, start);
      throw new Unreadable();
    }
    scan.at++;
    return { start, keyStart, inside: open === '{' ? scanMembers(scan) : scanItems(scan) };
  }
  if (open === '"') checkString(scan, scanString(scan), start);
  else scanPlain(scan);
  return { start, keyStart, inside: null };
}

function scanMembers(scan: Scan): Map<string, Place> {
  const members = new Map<string, Place>();
  skipSpace(scan);
  if (take(scan, '}')) return members;
  do {
    skipSpace(scan);
    const keyStart = scan.at;
    if (scan.text[keyStart] !== '"') fail(scan, 'a key in double quotes is expected here');
    const key = scanString(scan);
    scan.steps.push(key);
    checkKey(scan, key, keyStart, members);
    skipSpace(scan);
    if (!take(scan, ':')) fail(scan, 'a ":" is expected after the key');
    skipSpace(scan);
    members.set(key, scanValue(scan, keyStart));
    scan.steps.pop();
    skipSpace(scan);
  } while (take(scan, ','));
  if (!take(scan, '}')) fail(scan, 'a "," or "}" is expected here');
  return members;
}

function scanItems(scan: Scan): Place[] {
  const items: Place[] = [];
  skipSpace(scan);
  if (take(scan, ']')) return items;
  do {
    skipSpace(scan);
    scan.steps.push(items.length);
    items.push(scanValue(scan, scan.at));
    scan.steps.pop();
    skipSpace(scan);
  } while (take(scan, ','));
  if (!take(scan, ']')) fail(scan, 'a "," or "]" is expected here');
  return items;
}

function checkKey(scan: Scan, key: string, at: number, members: ReadonlyMap<string, Place>): void {
  if (members.has(key)) report(scan, 'duplicate_key', `the key ${quotedName(key)} is here twice`, at);
  if (key === '__proto__') report(scan, 'forbidden_key', 'the key "__proto__" is not allowed', at);
  checkString(scan, key, at);
}

function checkString(scan: Scan, value: string, at: number): void {
  if (!value.isWellFormed()) report(scan, 'lone_surrogate', 'the string has half a surrogate pair', at);
}

/**
 * Goes over the string unit by unit. A regular expression that repeats alternatives keeps a place to return to for each unit, and the
 * engine throws a RangeError past some ten million of them.
 */
function scanString(scan: Scan): string {
  const { text } = scan;
  const start = scan.at;
  let escapes = 0;
  for (scan.at++; text.charCodeAt(scan.at) !== QUOTE;) {
    const unit = text.charCodeAt(scan.at);
    if (Number.isNaN(unit)) fail(scan, 'the string is not closed');
    if (unit < 0x20) fail(scan, 'a control character must be escaped');
    const length = unit === BACKSLASH ? escapeLength(text, scan.at) : 1;
    if (length === null) return fail(scan, 'this escape does not exist in JSON');
    if (length > 1) escapes++;
    scan.at += length;
  }
  scan.at++;
  return escapes === 0
    ? text.slice(start + 1, scan.at - 1)
    : (JSON.parse(text.slice(start, scan.at)) as string);
}

/** Of the escape that begins there (RFC 8259, section 7); null where there is none. */
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

function scanPlain(scan: Scan): void {
  const start = scan.at;
  if (match(scan, /(?:true|false|null)(?![\w$])/y) !== null) return;
  const number = match(scan, /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?(?![\w.+-])/y);
  if (number === null) {
    fail(scan, scan.at >= scan.text.length ? 'the text ends too early' : 'no JSON value can begin like this');
  } else if (!Number.isFinite(Number(number))) {
    report(
      scan,
      'number_not_finite',
      `${number.slice(0, 40)} is larger than any number that survives`,
      start,
    );
  } else if (
    scan.integers === 'exact' &&
    /^-?[0-9]+$/.test(number) &&
    !Number.isSafeInteger(Number(number))
  ) {
    report(scan, 'integer_out_of_range', integerMessage(number), start);
  }
}

/** Said alike for JSON, YAML and TOML. */
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

function report(scan: Scan, code: string, message: string, offset: number): void {
  const pointer = pointerWithin(documentLimits.textChars, scan.steps);
  scan.problems.push({ pointer, code, message, offset });
  if (scan.problems.length === documentLimits.diagnostics) throw new Unreadable();
}

function fail(scan: Scan, message: string): never {
  report(scan, 'json_syntax', message, scan.at);
  throw new Unreadable();
}
