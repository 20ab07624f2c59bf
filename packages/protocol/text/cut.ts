/**
 * Returns the text if it has at most `most` Unicode code points. Otherwise returns its beginning and "…",
 * with `most` code points together. Reads no more of the text than it returns.
 */
export function cut(text: string, most: number): string {
  if (text.length <= most) return text;
  let count = 0;
  let units = 0;
  let kept = 0;
  for (const character of text) {
    if (count === most) return `${text.slice(0, kept).trimEnd()}…`;
    count += 1;
    units += character.length;
    if (count < most) kept = units;
  }
  return text;
}
