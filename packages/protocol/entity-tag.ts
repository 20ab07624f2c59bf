/** The strong entity tag of a representation, made from a digest, a pointer's generation or a policy's version. */
export function etagOf(value: string | number): string {
  return `"${value}"`;
}
