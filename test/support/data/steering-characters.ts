/**
 * The bidirectional control characters of Unicode 16.0 (Bidi_Control in PropList.txt), as a list. The product matches
 * them with a regular expression of the JavaScript engine. A test with the same expression would not notice a
 * character that the engine does not know.
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
