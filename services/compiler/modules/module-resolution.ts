import { posix } from 'node:path';
import type { SourceFiles } from '../source-files.ts';

/** A path that was tried for an import, and the digest of its file. Null if the file does not exist. */
export type Probe = readonly [path: string, digest: string | null];

export type Resolution = { readonly path: string } | { readonly problem: string };

const ENDINGS = ['', '.ts', '.tsx', '.mts', '.js', '.mjs', '.jsx', '.json', '/index.ts', '/index.js'];

/** Resolves an import to a file of the source. Only relative paths are allowed: a bare name would be a package. */
export function resolveImport(
  files: SourceFiles,
  from: string,
  specifier: string,
  probes: Probe[],
): Resolution {
  if (!/^\.\.?(?:\/|$)/.test(specifier)) {
    const shown = JSON.stringify(specifier);
    return { problem: `${shown} is not a file of this source: a module may import only relative paths` };
  }
  const base = posix.join(posix.dirname(from), specifier);
  if (base === '..' || base.startsWith('../')) {
    return { problem: `${JSON.stringify(specifier)} leads outside the source` };
  }
  // TypeScript's convention: an import names the emitted file, such as "a.js" for "a.ts".
  const asWritten = base.replace(/\.([cm]?)js(x?)$/, '.$1ts$2');
  const candidates = [...ENDINGS.map((ending) => base + ending), ...(asWritten === base ? [] : [asWritten])];
  for (const candidate of candidates) {
    const digest = files.find(candidate)?.digest ?? null;
    probes.push([candidate, digest]);
    if (digest !== null) return { path: candidate };
  }
  return { problem: `${JSON.stringify(specifier)} is not in the source` };
}
