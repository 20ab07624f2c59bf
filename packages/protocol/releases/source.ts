import { digestOf } from '../digest.ts';

/** The media type of a source as an archive: a tar.gz (RFC 6713). */
export const ARCHIVE_TYPE = 'application/gzip';

/** One file of a source. Its content is stored under its digest. */
export interface SourceEntry {
  readonly path: string;
  readonly digest: string;
  readonly size: number;
}

/** The list of a source's files, sorted by path, without their contents. */
export interface SourceTree {
  readonly digest: string;
  readonly entries: readonly SourceEntry[];
}

/**
 * Computes the digest of a source from its list of files. The files are sorted by UTF-16 code unit, so the
 * digest does not depend on the order of the input. A valid path contains neither a newline nor NUL. Two
 * different sources therefore never give the same text to hash.
 */
export function sourceTree(entries: readonly SourceEntry[]): SourceTree {
  // No two paths are equal, so the case of equality is not needed.
  const sorted = entries.toSorted((a, b) => (a.path < b.path ? -1 : 1));
  const listing = sorted.map((entry) => `${entry.path}\0${entry.digest}\n`).join('');
  return { digest: digestOf(listing), entries: sorted };
}

/**
 * Returns the file that prevents `path` from existing, or null. For example, the file `a` prevents `a/b`,
 * because `a` would have to be a folder too.
 */
export function fileAsFolder(path: string, files: { has(path: string): boolean }): string | null {
  for (let slash = path.lastIndexOf('/'); slash > 0; slash = path.lastIndexOf('/', slash - 1)) {
    const parent = path.slice(0, slash);
    if (files.has(parent)) return parent;
  }
  return null;
}

/**
 * Returns why a path is not allowed in a source, or null if it is allowed. A path must be relative and
 * normalized, and use "/" as its separator. It must not lead outside of the source, and it must mean the same
 * on every operating system.
 */
export function pathProblem(path: string): string | null {
  if (path === '') return 'a path must not be empty';
  if (path.length > 512) return 'a path must have at most 512 characters';
  if (path.startsWith('/') || /^[A-Za-z]:/.test(path)) return 'a path must be relative';
  if (path.includes('\\')) return 'a path must use "/" as its separator';
  // eslint-disable-next-line no-control-regex -- control characters are exactly what is being refused
  if (/[\u0000-\u001f\u007f]/.test(path)) return 'a path must not contain control characters';
  if (!path.isWellFormed()) return 'a path must be valid Unicode';
  const parts = path.split('/');
  if (parts.includes('..')) return 'a path must not contain ".."';
  if (parts.includes('.') || parts.includes('')) return 'a path must not contain "." or empty parts';
  return null;
}
