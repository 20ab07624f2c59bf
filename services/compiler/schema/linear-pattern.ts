import { LRUCache } from 'lru-cache';
import { RE2JS } from 're2js';

import { patternLimits } from '../limits.ts';
import type { Piece } from './pattern-pieces.ts';
import { translatePattern, UnsupportedPattern } from './pattern-syntax.ts';

interface LinearPattern {
  /** In time proportional to the text. */
  readonly test: (text: string) => boolean;
  /** About how many steps a character may take. */
  readonly size: number;
}

/** Of one compilation, which several schemas share. A matcher grows with the texts that it has seen, to some MiB. */
const known = new LRUCache<string, LinearPattern>({ maxSize: patternLimits.keptSize });

/** Forgets the matchers, so that no compilation pays for those of another, and none can measure what another has used. */
export function forgetPatterns(): void {
  known.clear();
}

/**
 * Compiles a regular expression of a tenant, as ECMA-262 means it with the flag `u`, to a matcher whose time is linear in the text: a
 * backtracking one needs 2^n steps for `^(a+)+$`. RE2 in JavaScript was chosen over V8's own linear engine (the flag `l`), which takes
 * neither `u` nor `i`, no `\p{L}` and no count above 16. Throws a SyntaxError for what is not a pattern, and an
 * UnsupportedPattern for what cannot be matched in linear time.
 */
export function linearPattern(pattern: string): LinearPattern {
  const before = known.get(pattern);
  if (before) return before;
  const { re, size } = readPattern(pattern);
  const compiled = RE2JS.compile(re);
  const made: LinearPattern = { test: (text) => compiled.test(text), size };
  // The empty pattern has no instruction, and the cache takes no entry without a size.
  known.set(pattern, made, { size: Math.max(1, size) });
  return made;
}

/** Why a pattern cannot be used; null when it can. Far cheaper than compiling it. */
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
    throw new UnsupportedPattern('the pattern is too large: it names too many large classes of characters');
  return piece;
}
