// Matches the control characters of C0 (except tab, line feed, and a carriage return before a line feed), DEL
// and C1. Also matches every Unicode character that changes the display order of text (CVE-2021-42574).
// eslint-disable-next-line no-control-regex -- control characters are exactly what is being looked for
const CONTROLS = /\r(?!\n)|[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\p{Bidi_Control}]/gu;

/**
 * Replaces every control character with its escape sequence, such as `\u001b`, so that the text can't control
 * a terminal. Tabs and line breaks are kept. In a JSON string the escape sequence means the same character,
 * so JSON text keeps its meaning.
 */
export function visibleControls(text: string): string {
  return text.replaceAll(CONTROLS, (control) => `\\u${control.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
