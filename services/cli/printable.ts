/**
 * Somebody else's text as one harmless line: a release's message or a hold's reason must neither steer the terminal that shows it
 * nor forge further lines.
 */
export function printable(text: string): string {
  const line = text.replaceAll(/\s+/g, ' ');
  // eslint-disable-next-line no-control-regex -- control characters are exactly what is being replaced
  return line.replaceAll(/[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g, '\ufffd');
}
