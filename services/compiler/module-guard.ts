import { compileLimits } from '../../core/limits.ts';

/** Why a module's file may not be given to the bundler, and where. */
export interface Refusal {
  readonly code: string;
  readonly message: string;
  readonly offset: number;
}

const BETWEEN_TOKENS = String.raw`(?:\s|/\*[\s\S]*?\*/|//[^\n\r\u2028\u2029]*|<!--[^\n\r]*|-->[^\n\r]*)*`;
const IMPORT_CALL = new RegExp(
  String.raw`\bimport\b${BETWEEN_TOKENS}(?:\.${BETWEEN_TOKENS}(?:defer|source)${BETWEEN_TOKENS})?\(`,
  'g',
);
const PLAIN_ARGUMENT = new RegExp(
  String.raw`${BETWEEN_TOKENS}(?:'[^'\\\n]*'|"[^"\\\n]*"|\x60[^\x60\\$]*\x60)${BETWEEN_TOKENS}[,)]`,
  'y',
);

/**
 * The bundler treats `import("./" + name)` as a glob and reads the disk for it, past every plugin: so that any import() that is not
 * of one plain string is refused before the bundler sees it. The check is on the text and refuses too much rather than too little
 * (also what stands in a comment or a string): `import` is a keyword and cannot be spelled with escapes. It refuses deep nesting
 * too, because the bundler recurses and dies of it. `require` is dealt with by the bundler's `define`.
 */
export function guardModule(text: string): Refusal | null {
  if (Buffer.byteLength(text) > compileLimits.moduleFileBytes) {
    const message = `a module's file may have at most ${compileLimits.moduleFileBytes / 1024} KiB`;
    return { code: 'module_too_large', message, offset: 0 };
  }
  const deep = tooDeepAt(text);
  if (deep !== null) {
    const message = `brackets may be nested ${compileLimits.moduleDepth} deep`;
    return { code: 'too_deep', message, offset: deep };
  }
  for (const match of text.matchAll(IMPORT_CALL)) {
    PLAIN_ARGUMENT.lastIndex = match.index + match[0].length;
    if (PLAIN_ARGUMENT.test(text)) continue;
    return { code: 'module_import', message: 'import() must be given one plain string', offset: match.index };
  }
  return null;
}

function tooDeepAt(text: string): number | null {
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    if (unit === 0x28 || unit === 0x5b || unit === 0x7b) depth++;
    else if (unit === 0x29 || unit === 0x5d || unit === 0x7d) depth = Math.max(0, depth - 1);
    if (depth > compileLimits.moduleDepth) return at;
  }
  return null;
}
