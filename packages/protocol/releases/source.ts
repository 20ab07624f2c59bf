import { digestOf } from '../digest.ts';

/** The media type of a source as an archive: a tar.gz (RFC 6713). */
export const ARCHIVE_TYPE = 'application/gzip';

/** One file of a source. Its content is stored under its digest. */
export interface SourceEntry {
  readonly path: string;
  readonly digest: string;
  readonly size: number;
}

/** A source without its contents: its digest and its files, sorted by path. */
export interface SourceTree {
  readonly digest: string;
  readonly entries: readonly SourceEntry[];
}

/**
 * Computes the content address of a source. The files are sorted by code unit, so the digest does not depend
 * on the order in which an archive, a directory or an object lists them. A valid path contains neither
 * newline nor NUL, so two different trees never have the same file list.
 */
export function sourceTree(entries: readonly SourceEntry[]): SourceTree {
  // Paths are unique, so two entries never compare as equal.
  const sorted = entries.toSorted((a, b) => (a.path < b.path ? -1 : 1));
  const listing = sorted.map((entry) => `${entry.path}\0${entry.digest}\n`).join('');
  return { digest: digestOf(listing), entries: sorted };
}

/** Returns the file that would have to be a folder for `path` to exist (`a` for `a/b`), or null. A directory can't contain both. */
export function fileAsFolder(path: string, files: { has(path: string): boolean }): string | null {
  for (let slash = path.lastIndexOf('/'); slash > 0; slash = path.lastIndexOf('/', slash - 1)) {
    const parent = path.slice(0, slash);
    if (files.has(parent)) return parent;
  }
  return null;
}

/**
 * Returns why a path is not allowed in a source, or null if it is. Paths must be relative, normalized and
 * separated by "/". They must not lead outside the source, and must mean the same on every operating system.
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
