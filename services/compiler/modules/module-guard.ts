import { compileLimits } from '../../../core/limits/compile-limits.ts';
import { moduleLimits } from '../limits.ts';
import { computedImportAt } from './import-calls.ts';
import { longChainAt } from './module-chains.ts';

/** The reason why a module file is not passed to the bundler, and the offset of the error in the file. */
export interface Refusal {
  readonly code: string;
  readonly message: string;
  readonly offset: number;
}

/**
 * Checks a module file before the bundler reads it. Returns null if the file is accepted.
 *
 * The bundler treats `import("./" + name)` as a glob and searches the disk for it without calling its plugins. An
 * import() is therefore accepted only if its argument is a single plain string. The bundler is recursive, so deep
 * nesting is refused, whether by brackets or by chains of operators. The resource limits of the bundler process
 * contain all other attacks. Calls of `require` are replaced by the bundler's `define` option.
 */
export function guardModule(text: string): Refusal | null {
  const large = tooLarge(text);
  if (large !== null) return large;
  const deep = tooDeepAt(text);
  if (deep !== null) return tooDeep(deep);
  const chained = longChainAt(text);
  if (chained !== null) {
    const message = `a statement may have at most ${moduleLimits.chain} operators and keywords in a row`;
    return { code: 'too_deep', message, offset: chained };
  }
  const computed = computedImportAt(text);
  if (computed === null) return null;
  return { code: 'module_import', message: 'import() accepts only one plain string', offset: computed };
}

/** Checks an imported JSON file. Only the limits of size and nesting apply to it. */
export function guardJson(text: string): Refusal | null {
  const large = tooLarge(text);
  if (large !== null) return large;
  const deep = tooDeepAt(text.replaceAll(/"(?:[^"\\\n]|\\.)*"/g, (string) => ' '.repeat(string.length)));
  return deep === null ? null : tooDeep(deep);
}

function tooLarge(text: string): Refusal | null {
  if (Buffer.byteLength(text) <= compileLimits.moduleFileBytes) return null;
  const message = `a module file may have at most ${compileLimits.moduleFileBytes / 1024} KiB`;
  return { code: 'module_too_large', message, offset: 0 };
}

function tooDeep(offset: number): Refusal {
  const message = `brackets may be nested at most ${compileLimits.moduleDepth} levels deep`;
  return { code: 'too_deep', message, offset };
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
