// C0 except tab and line feed (a carriage return only where no line feed follows), DEL, C1, and every character that changes the order in
// which a text is displayed (CVE-2021-42574), as Unicode lists them.
// eslint-disable-next-line no-control-regex -- control characters are exactly what is being looked for
const CONTROLS = /\r(?!\n)|[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\p{Bidi_Control}]/gu;

/**
 * Returns the text with every control character written as `\u001b`, so that it cannot control a terminal. Tabs and line ends stay. Inside
 * a JSON string the replacement means the same character, so a JSON text keeps its meaning.
 */
export function visibleControls(text: string): string {
  return text.replaceAll(CONTROLS, (control) => `\\u${control.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
