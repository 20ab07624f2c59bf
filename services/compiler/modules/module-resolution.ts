import { posix } from 'node:path';
import type { SourceFiles } from '../source-files.ts';

/**
 * A path that was tried for an import, and the digest of the file at that path. The digest is null if there is no
 * such file.
 */
export type Probe = readonly [path: string, digest: string | null];

export type Resolution = { readonly path: string } | { readonly problem: string };

const ENDINGS = ['', '.ts', '.tsx', '.mts', '.js', '.mjs', '.jsx', '.json', '/index.ts', '/index.js'];

/**
 * Resolves an import to a file of the source. Only relative paths are allowed, because any other specifier refers to
 * a package, and a source contains no packages.
 */
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
  // TypeScript code imports a file by the name of its compiled output, for example "a.js" for "a.ts".
  const asWritten = base.replace(/\.([cm]?)js(x?)$/, '.$1ts$2');
  const candidates = [...ENDINGS.map((ending) => base + ending), ...(asWritten === base ? [] : [asWritten])];
  for (const candidate of candidates) {
    const digest = files.find(candidate)?.digest ?? null;
    probes.push([candidate, digest]);
    if (digest !== null) return { path: candidate };
  }
  return { problem: `${JSON.stringify(specifier)} is not in the source` };
}
