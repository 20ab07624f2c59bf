/** JSON with a member a line, for reading and for comparing line by line. What is not JSON comes back as it is. */
export function prettyJson(text: string): string {
  try {
    return `${JSON.stringify(JSON.parse(text), null, 2)}\n`;
  } catch {
    return text;
  }
}
