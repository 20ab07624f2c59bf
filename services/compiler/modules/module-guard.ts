import { compileLimits } from '../../../core/limits/compile-limits.ts';
import { moduleLimits } from '../limits.ts';
import { computedImportAt } from './import-calls.ts';
import { longChainAt } from './module-chains.ts';

/** Why a module's file may not be given to the bundler, and where. */
export interface Refusal {
  readonly code: string;
  readonly message: string;
  readonly offset: number;
}

/**
 * The bundler treats `import("./" + name)` as a glob and reads the disk for it, past every plugin. So any import() that is not of one plain
 * string is refused before the bundler sees it. It recurses, so deep nesting is refused too: with brackets, and in chains that nest
 * without them. What gets past that meets the bounds of the bundler's process. `require` is dealt with by the bundler's `define`.
 */
export function guardModule(text: string): Refusal | null {
  const large = tooLarge(text);
  if (large !== null) return large;
  const deep = tooDeepAt(text);
  if (deep !== null) return tooDeep(deep);
  const chained = longChainAt(text);
  if (chained !== null) {
    const message = `one statement may have ${moduleLimits.chain} operators and keywords in a row`;
    return { code: 'too_deep', message, offset: chained };
  }
  const computed = computedImportAt(text);
  if (computed === null) return null;
  return { code: 'module_import', message: 'import() must be given one plain string', offset: computed };
}

/** Why a JSON file that a module imports may not be given to the bundler: it only has to be small, and flat enough to be parsed. */
export function guardJson(text: string): Refusal | null {
  const large = tooLarge(text);
  if (large !== null) return large;
  const deep = tooDeepAt(text.replaceAll(/"(?:[^"\\\n]|\\.)*"/g, (string) => ' '.repeat(string.length)));
  return deep === null ? null : tooDeep(deep);
}

function tooLarge(text: string): Refusal | null {
  if (Buffer.byteLength(text) <= compileLimits.moduleFileBytes) return null;
  const message = `a module's file may have at most ${compileLimits.moduleFileBytes / 1024} KiB`;
  return { code: 'module_too_large', message, offset: 0 };
}

function tooDeep(offset: number): Refusal {
  return { code: 'too_deep', message: `brackets may be nested ${compileLimits.moduleDepth} deep`, offset };
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
