/**
 * Where a text has an `import()` of something else than one plain string; null when it has none. It looks at the text alone, and so also
 * inside comments and strings: it reports too much rather than too little. `import` is a keyword and cannot be spelled with escapes.
 * The time is linear in the text, because what lies between two tokens is measured once for all places.
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

/** One string without escapes, and then the end of the argument. */
function isPlainArgument(text: string, at: number, next: (at: number) => number): boolean {
  const quote = text.charAt(at);
  if (!/['"`]/.test(quote)) return false;
  const close = text.indexOf(quote, at + 1);
  if (close < 0) return false;
  const wrong = quote === '`' ? /[\\$]/ : /[\\\n]/;
  return !wrong.test(text.slice(at + 1, close)) && /[,)]/.test(text.charAt(next(close + 1)));
}

/**
 * For each place of a text, the place of the first character at or after it that is neither white space nor in a comment that begins there.
 * Read from the end, so that each place takes its answer from a later one.
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
    // For the place before this one, where the nearest comment ends: its own "*" in "/*/" does not close it.
    if (text.startsWith('*/', at + 1)) commentEnd = at + 3;
  }
  return (at) => after[Math.min(at, length)] ?? length;
}
