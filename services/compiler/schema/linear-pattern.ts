import { LRUCache } from 'lru-cache';
import { RE2JS } from 're2js';

import { patternLimits } from '../limits.ts';
import type { Piece } from './pattern-pieces.ts';
import { translatePattern, UnsupportedPattern } from './pattern-syntax.ts';

interface LinearPattern {
  /** Tests whether the text matches. The time is proportional to the length of the text. */
  readonly test: (text: string) => boolean;
  /** The approximate number of steps of the matcher per character of the text. */
  readonly size: number;
}

/**
 * The compiled patterns of the current compilation, which all its schemas share. The memory of a matcher grows with
 * the texts that it matches, up to a few MiB.
 */
const known = new LRUCache<string, LinearPattern>({ maxSize: patternLimits.keptSize });

/**
 * Clears the cache after a compilation. Otherwise its memory would count against the limit of the next compilation,
 * and the duration of the next compilation would reveal which patterns this one has used.
 */
export function forgetPatterns(): void {
  known.clear();
}

/**
 * Compiles a regular expression of a tenant (ECMA-262, with the flag `u`) to a matcher that takes linear time. A
 * backtracking matcher can take 2^n steps, for example for `^(a+)+$`. Throws a SyntaxError if the pattern is invalid.
 * Throws an UnsupportedPattern if it can't be matched in linear time.
 *
 * The matcher is RE2 in JavaScript. V8's own linear engine (the flag `l`) was not chosen, because it supports neither
 * the flags `u` and `i`, nor `\p{L}`, nor counts above 16.
 */
export function linearPattern(pattern: string): LinearPattern {
  const before = known.get(pattern);
  if (before) return before;
  const { re, size } = readPattern(pattern);
  const compiled = RE2JS.compile(re);
  const made: LinearPattern = { test: (text) => compiled.test(text), size };
  // The empty pattern has no instructions, but the package lru-cache rejects a size of 0.
  known.set(pattern, made, { size: Math.max(1, size) });
  return made;
}

/** Returns the reason why a pattern can't be used, or null. This is much faster than compiling the pattern. */
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
