import { LRUCache } from 'lru-cache';
import { RE2JS } from 're2js';

import { patternLimits } from '../limits.ts';
import type { Piece } from './pattern-pieces.ts';
import { translatePattern, UnsupportedPattern } from './pattern-syntax.ts';

interface LinearPattern {
  /** Takes time proportional to the text. */
  readonly test: (text: string) => boolean;
  /** The approximate number of steps per character. */
  readonly size: number;
}

/** The patterns of one compilation, shared by its schemas. Matchers grow with their input, up to a few MiB. */
const known = new LRUCache<string, LinearPattern>({ maxSize: patternLimits.keptSize });

/**
 * Clears the cache, so that a compilation neither pays for the memory of an earlier one nor can measure which patterns
 * it used.
 */
export function forgetPatterns(): void {
  known.clear();
}

/**
 * Compiles a tenant's regular expression (ECMA-262, with the flag `u`) to a matcher that takes linear time. A
 * backtracking matcher needs 2^n steps for `^(a+)+$`. RE2 in JavaScript was chosen over V8's own linear engine (the
 * flag `l`), which supports neither `u` nor `i`, no `\p{L}` and no count above 16. Throws a SyntaxError for an invalid
 * pattern, and an UnsupportedPattern for a pattern that cannot be matched in linear time.
 */
export function linearPattern(pattern: string): LinearPattern {
  const before = known.get(pattern);
  if (before) return before;
  const { re, size } = readPattern(pattern);
  const compiled = RE2JS.compile(re);
  const made: LinearPattern = { test: (text) => compiled.test(text), size };
  // The empty pattern has no instructions, and the cache rejects a size of 0.
  known.set(pattern, made, { size: Math.max(1, size) });
  return made;
}

/** Why a pattern cannot be used, or null. Much faster than compiling it. */
export function patternProblem(pattern: string): string | null {
  try {
    readPattern(pattern);
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : 'not a regular expression';
  }
}

function readPattern(pattern: string): Piece {
  if (pattern.length > patternLimits.chars)
    throw new UnsupportedPattern(`a pattern may have at most ${patternLimits.chars} characters`);
  void new RegExp(pattern, 'u');
  const piece = translatePattern(pattern);
  if (piece.re.length > patternLimits.spelledChars)
    throw new UnsupportedPattern('the pattern is too large: it has too many large character classes');
  return piece;
}
