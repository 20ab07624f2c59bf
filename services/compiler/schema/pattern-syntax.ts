import { patternLimits } from '../limits.ts';
import { codePointsOf, complement, oneCodePoint, union, type CodePoints } from './code-points.ts';
import { quantified, sequence, setPiece, type Piece } from './pattern-pieces.ts';

/** Thrown for a pattern that is valid in ECMA-262, but can't be matched in linear time or needs too large a matcher. */
export class UnsupportedPattern extends Error {}

interface Reading {
  readonly pattern: string;
  at: number;
  depth: number;
}

/**
 * Translates a regular expression from ECMA-262 (with the flag `u`) to the syntax of RE2. The pattern must be valid;
 * the caller checks this with the JavaScript engine. The result matches the same strings. It has no capturing groups,
 * because they do not change whether a text matches.
 */
export function translatePattern(pattern: string): Piece {
  return alternatives({ pattern, at: 0, depth: 0 });
}

function alternatives(reading: Reading): Piece {
  const options: Piece[] = [];
  do options.push(terms(reading));
  while (take(reading, '|'));
  const [only] = options;
  if (options.length === 1 && only) return only;
  return {
    re: `(?:${options.map(({ re }) => re).join('|')})`,
    size: options.reduce((sum, { size }) => sum + size + 1, 0),
    repeat: Math.max(...options.map(({ repeat }) => repeat)),
  };
}

function terms(reading: Reading): Piece {
  const pieces: Piece[] = [];
  let size = 0;
  while (reading.at < reading.pattern.length && !/[|)]/.test(reading.pattern.charAt(reading.at))) {
    const piece = repeated(reading, term(reading));
    pieces.push(piece);
    size += piece.size;
    if (size > patternLimits.size) refuse(reading, 'the pattern is too large');
  }
  return sequence(pieces);
}

function term(reading: Reading): Piece {
  const { pattern } = reading;
  const character = pattern.charAt(reading.at);
  if (character === '(') return group(reading);
  if (character === '[') return setPiece(characterClass(reading));
  if (character === '\\') return escaped(reading);
  if (take(reading, '^')) return { re: String.raw`\A`, size: 1, repeat: 1 };
  if (take(reading, '$')) return { re: String.raw`\z`, size: 1, repeat: 1 };
  if (take(reading, '.')) return setPiece(codePointsOf('.'));
  return setPiece(oneCodePoint(nextCodePoint(reading)));
}

function group(reading: Reading): Piece {
  const opened = match(reading, /\((?:\?(?:<(?![=!])[^>]*>|:|<?[=!]|[a-z-]*:))?/y);
  if (/[=!]$/.test(opened)) refuse(reading, `${opened} (lookaround) is not supported`, opened.length);
  if (opened.endsWith(':') && opened !== '(?:')
    refuse(reading, `${opened} (a modifier) is not supported`, opened.length);
  if (++reading.depth > patternLimits.depth) refuse(reading, 'groups are nested too deeply');
  const inside = alternatives(reading);
  reading.depth--;
  reading.at++;
  return { ...inside, re: `(?:${inside.re})` };
}

function repeated(reading: Reading, piece: Piece): Piece {
  const found = match(reading, /(?:[*+?]|\{(\d+)(?:(,)(\d*))?\})\??/y);
  if (found === '') return piece;
  const [, min, comma, max] = /(\d+)(,)?(\d*)/.exec(found) ?? [];
  let times: readonly [number, number | null] = found.startsWith('+') ? [1, null] : [0, null];
  if (found.startsWith('?')) times = [0, 1];
  if (min !== undefined) times = [Number(min), comma === undefined ? Number(min) : Number(max || Infinity)];
  const most = times[1] === Infinity ? null : times[1];
  return (
    quantified(piece, times[0], most) ?? refuse(reading, `${found} makes the pattern too large`, found.length)
  );
}

function escaped(reading: Reading): Piece {
  const assertion = match(reading, /\\[bB]/y);
  if (assertion !== '') return { re: assertion, size: 1, repeat: 1 };
  const reference = match(reading, /\\(?:[1-9]\d*|k<[^>]*>)/y);
  if (reference !== '') refuse(reading, `${reference} (a backreference) is not supported`, reference.length);
  return setPiece(classEscape(reading) ?? oneCodePoint(characterEscape(reading)));
}

/** Reads a class escape such as `\d` or `\p{L}`, and returns its code points. Returns null for any other escape. */
function classEscape(reading: Reading): CodePoints | null {
  const escape = match(reading, /\\(?:[dDwWsS]|[pP]\{[^}]*\})/y);
  return escape === '' ? null : codePointsOf(escape);
}

const CONTROL: { readonly [letter: string]: number } = { t: 9, n: 10, v: 11, f: 12, r: 13, b: 8, 0: 0 };

function characterEscape(reading: Reading): number {
  const hex = match(reading, /\\(?:x[0-9a-f]{2}|u\{[0-9a-f]+\}|u[0-9a-f]{4})/iy);
  if (hex !== '') {
    const code = Number.parseInt(hex.replaceAll(/[\\xu{}]/g, ''), 16);
    return hex.includes('{') ? code : surrogatePair(reading, code);
  }
  const control = match(reading, /\\c[A-Za-z]/y);
  if (control !== '') return control.charCodeAt(2) % 32;
  reading.at++;
  const code = nextCodePoint(reading);
  return CONTROL[String.fromCodePoint(code)] ?? code;
}

/**
 * Combines two `\u` escapes if they form a surrogate pair. `\ud83d\ude00` is one character, but `\u{d83d}\ude00` is
 * two characters (ECMA-262, RegExpUnicodeEscapeSequence). A lone surrogate matches nothing, because documents contain
 * no lone surrogates.
 */
function surrogatePair(reading: Reading, code: number): number {
  if (code < 0xd800 || code > 0xdbff) return code;
  const low = match(reading, /\\u[dD][c-fC-F][0-9a-fA-F]{2}/y);
  return low === ''
    ? code
    : 0x1_0000 + ((code - 0xd800) << 10) + (Number.parseInt(low.slice(2), 16) - 0xdc00);
}

function characterClass(reading: Reading): CodePoints {
  const negated = match(reading, /\[\^?/y) === '[^';
  const sets: CodePoints[] = [];
  while (!take(reading, ']')) {
    const set = classMember(reading);
    const isRange = reading.pattern.startsWith('-', reading.at) && reading.pattern[reading.at + 1] !== ']';
    if (!isRange) {
      sets.push(set);
      continue;
    }
    reading.at++;
    const [low, high] = [set[0]?.[0] ?? 0, classMember(reading)[0]?.[0] ?? 0];
    sets.push([[low, high]]);
  }
  const all = union(sets);
  return negated ? complement(all) : all;
}

function classMember(reading: Reading): CodePoints {
  if (reading.pattern.charAt(reading.at) !== '\\') return oneCodePoint(nextCodePoint(reading));
  return classEscape(reading) ?? oneCodePoint(characterEscape(reading));
}

function nextCodePoint(reading: Reading): number {
  const code = reading.pattern.codePointAt(reading.at) ?? 0;
  reading.at += code > 0xff_ff ? 2 : 1;
  return code;
}

function take(reading: Reading, character: string): boolean {
  if (!reading.pattern.startsWith(character, reading.at)) return false;
  reading.at += character.length;
  return true;
}

/**
 * Matches a sticky expression at the current position, and returns the matched text. Returns an empty string if the
 * expression does not match.
 */
function match(reading: Reading, expected: RegExp): string {
  expected.lastIndex = reading.at;
  const [found] = expected.exec(reading.pattern) ?? [''];
  reading.at += found.length;
  return found;
}

function refuse(reading: Reading, problem: string, length = 0): never {
  throw new UnsupportedPattern(`${problem} (at character ${reading.at - length + 1} of the pattern)`);
}
