/** Returns a strong entity tag for a digest, for the generation of a pointer or for the version of a policy. */
export function etagOf(value: string | number): string {
  return `"${value}"`;
}
