import { patternLimits } from '../limits.ts';
import type { CodePoints } from './code-points.ts';

/** A part of a pattern in the syntax of RE2. */
export interface Piece {
  readonly re: string;
  /** About how many instructions the matcher has for it. */
  readonly size: number;
  /** How deep counted repetitions multiply in it. RE2 refuses a product above 1,000. */
  readonly repeat: number;
}

/** What RE2 takes as the product of nested counts. */
const MOST_REPEATED = 1_000;

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

/** `max` null: without an end. Null when it would be too large. Lazy or greedy makes no difference to a yes or no. */
export function quantified(piece: Piece, min: number, max: number | null): Piece | null {
  const size = piece.size * Math.max(1, max ?? min) + 1;
  if (size > patternLimits.size) return null;
  const body = `(?:${piece.re})`;
  // So often the body may be repeated by a count.
  const chunk = Math.max(1, Math.floor(MOST_REPEATED / piece.repeat));
  const counted = Math.max(min, max ?? 0);
  const repeat = counted <= chunk ? piece.repeat * Math.max(1, counted) : MOST_REPEATED;
  if (max === null) return { re: `${exactly(body, min, chunk)}${body}*`, size: size + piece.size, repeat };
  return { re: `(?:${exactly(body, min, chunk)}${upTo(body, max - min, chunk)})`, size, repeat };
}

/** RE2 refuses counts above 1,000, so a larger one is written as several in a row. */
function exactly(body: string, times: number, chunk: number): string {
  const rest = times % chunk;
  return `${body}{${chunk}}`.repeat((times - rest) / chunk) + (rest === 0 ? '' : `${body}{${rest}}`);
}

/** Nested, not in a row: at any place of a text the matcher then follows two ways at most, not one for each split. */
function upTo(body: string, times: number, chunk: number): string {
  if (times === 0) return '';
  if (times <= chunk) return `${body}{0,${times}}`;
  return `(?:${body}{${chunk}}${upTo(body, times - chunk, chunk)}|${body}{0,${chunk - 1}})`;
}
