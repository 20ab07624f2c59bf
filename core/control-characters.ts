// C0 but tab and line feed (a carriage return only where no line feed follows), DEL, C1, and the bidirectional embeddings, overrides
// and isolates with which a text can be shown in another order than it is read in (CVE-2021-42574).
// eslint-disable-next-line no-control-regex -- control characters are exactly what is being looked for
const CONTROLS = /\r(?!\n)|[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g;

/**
 * The text with every control character written as `\u001b`: it can no longer steer the terminal that shows it. Tabs and line ends
 * stay. Inside of a JSON string the replacement means the same character, so that a JSON text keeps its meaning.
 */
export function visibleControls(text: string): string {
  return text.replaceAll(CONTROLS, (control) => `\\u${control.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
