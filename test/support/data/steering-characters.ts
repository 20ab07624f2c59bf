/**
 * Bidi_Control from PropList.txt of Unicode 16.0, written out by hand. The code uses the regular expressions of the JavaScript engine. A
 * test that used them too would not detect a character that the engine lacks.
 */
export const BIDI_CONTROLS: readonly (readonly [name: string, character: string])[] = [
  ['ARABIC LETTER MARK', '\u061c'],
  ['LEFT-TO-RIGHT MARK', '\u200e'],
  ['RIGHT-TO-LEFT MARK', '\u200f'],
  ['LEFT-TO-RIGHT EMBEDDING', '\u202a'],
  ['RIGHT-TO-LEFT EMBEDDING', '\u202b'],
  ['POP DIRECTIONAL FORMATTING', '\u202c'],
  ['LEFT-TO-RIGHT OVERRIDE', '\u202d'],
  ['RIGHT-TO-LEFT OVERRIDE', '\u202e'],
  ['LEFT-TO-RIGHT ISOLATE', '\u2066'],
  ['RIGHT-TO-LEFT ISOLATE', '\u2067'],
  ['FIRST STRONG ISOLATE', '\u2068'],
  ['POP DIRECTIONAL ISOLATE', '\u2069'],
];

/** Matches one control character, including tab and line feed, or one of {@link BIDI_CONTROLS}. */
export const STEERING_CHARACTER = new RegExp(
  `\\p{Cc}|[${BIDI_CONTROLS.map(([, character]) => character).join('')}]`,
  'u',
);
