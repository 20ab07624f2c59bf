/**
 * Returns the offset of the first `import()` whose argument is not a single plain string, or null. The function also
 * matches inside comments and strings. A false match only refuses a valid module, but a missed call would let the
 * bundler read the disk. A text search finds every call, because JavaScript does not allow escapes in the keyword
 * `import`. The time is linear in the length of the text.
 */
export function computedImportAt(text: string): number | null {
  let next: ((at: number) => number) | null = null;
  for (const { index } of text.matchAll(/\bimport\b/g)) {
    next ??= tokenAfter(text);
    let at = next(index + 'import'.length);
    if (text.charAt(at) === '.') {
      const phase = /(?:defer|source)\b/y;
      phase.lastIndex = next(at + 1);
      if (!phase.test(text)) continue;
      at = next(phase.lastIndex);
    }
    if (text.charAt(at) === '(' && !isPlainArgument(text, next(at + 1), next)) return index;
  }
  return null;
}

/** Whether the argument that begins at `at` is a single string without escapes. */
function isPlainArgument(text: string, at: number, next: (at: number) => number): boolean {
  const quote = text.charAt(at);
  if (!/['"`]/.test(quote)) return false;
  const close = text.indexOf(quote, at + 1);
  if (close < 0) return false;
  const wrong = quote === '`' ? /[\\$]/ : /[\\\n]/;
  return !wrong.test(text.slice(at + 1, close)) && /[,)]/.test(text.charAt(next(close + 1)));
}

/**
 * Returns a function that maps an offset to the offset of the next character after white space and comments. The
 * results for all offsets are computed in one pass from the end of the text.
 */
function tokenAfter(text: string): (at: number) => number {
  const { length } = text;
  const after = new Int32Array(length + 2).fill(length);
  let lineEnd = length;
  let commentEnd = length;
  for (let at = length - 1; at >= 0; at--) {
    const character = text.charAt(at);
    if (/[\n\r\u2028\u2029]/.test(character)) lineEnd = at;
    if (/\s/.test(character)) after[at] = after[at + 1] ?? length;
    else if (text.startsWith('//', at) || text.startsWith('<!--', at) || text.startsWith('-->', at))
      after[at] = after[lineEnd] ?? length;
    else if (text.startsWith('/*', at)) after[at] = after[Math.min(commentEnd, length)] ?? length;
    else after[at] = at;
    // Sets the end of the comment for a "/*" that begins one offset earlier. The closing "*/" is searched from the
    // offset after the opening, because in "/*/" the "*" can't both open and close the comment.
    if (text.startsWith('*/', at + 1)) commentEnd = at + 3;
  }
  return (at) => after[Math.min(at, length)] ?? length;
}
