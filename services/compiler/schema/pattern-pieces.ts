import { patternLimits } from '../limits.ts';
import type { CodePoints } from './code-points.ts';

/** A part of a regular expression in the syntax of RE2. */
export interface Piece {
  readonly re: string;
  /** The approximate number of instructions of the matcher for this part. */
  readonly size: number;
  /**
   * The largest product of the counts of nested repetitions in this part. For example, it is 6 for `(a{2}){3}`. RE2
   * rejects a product above 1,000.
   */
  readonly repeat: number;
}

/** RE2's maximum for the product of the counts of nested repetitions. */
const MAX_REPEAT = 1_000;

export function sequence(pieces: readonly Piece[]): Piece {
  return {
    re: pieces.map(({ re }) => re).join(''),
    size: pieces.reduce((sum, { size }) => sum + size, 0),
    repeat: pieces.reduce((most, { repeat }) => Math.max(most, repeat), 1),
  };
}

export function setPiece(set: CodePoints): Piece {
  return { re: spelledSet(set), size: 1, repeat: 1 };
}

function spelledSet(set: CodePoints): string {
  const [first] = set;
  if (!first) return String.raw`[^\x00-\x{10FFFF}]`;
  if (set.length === 1 && first[0] === first[1]) return spelled(first[0]);
  const ranges = set.map(([low, high]) => (low === high ? spelled(low) : `${spelled(low)}-${spelled(high)}`));
  return `[${ranges.join('')}]`;
}

function spelled(code: number): string {
  const character = String.fromCodePoint(code);
  return /[A-Za-z0-9]/.test(character) ? character : `\\x{${code.toString(16)}}`;
}

/**
 * Returns a repetition of a piece, or null if it would be too large. If `max` is null, the number of repetitions is
 * unlimited. Lazy and greedy quantifiers are treated equally, because they do not change whether a text matches.
 */
export function quantified(piece: Piece, min: number, max: number | null): Piece | null {
  const size = piece.size * Math.max(1, max ?? min) + 1;
  if (size > patternLimits.size) return null;
  const body = `(?:${piece.re})`;
  // The largest count that RE2 accepts for a repetition of this piece.
  const chunk = Math.max(1, Math.floor(MAX_REPEAT / piece.repeat));
  const counted = Math.max(min, max ?? 0);
  const repeat = counted <= chunk ? piece.repeat * Math.max(1, counted) : MAX_REPEAT;
  if (max === null) return { re: `${exactly(body, min, chunk)}${body}*`, size: size + piece.size, repeat };
  return { re: `(?:${exactly(body, min, chunk)}${upTo(body, max - min, chunk)})`, size, repeat };
}

/**
 * Repeats a body exactly `times` times. RE2 rejects counts above `chunk`, so a larger count is split into several
 * repetitions in a row.
 */
function exactly(body: string, times: number, chunk: number): string {
  const rest = times % chunk;
  return `${body}{${chunk}}`.repeat((times - rest) / chunk) + (rest === 0 ? '' : `${body}{${rest}}`);
}

/**
 * Repeats a body up to `times` times. A count above `chunk` is split into several repetitions. They are nested, so
 * that the matcher follows at most two paths at any position. If they were in a row, it would follow one path for
 * each of them.
 */
function upTo(body: string, times: number, chunk: number): string {
  if (times === 0) return '';
  if (times <= chunk) return `${body}{0,${times}}`;
  return `(?:${body}{${chunk}}${upTo(body, times - chunk, chunk)}|${body}{0,${chunk - 1}})`;
}
