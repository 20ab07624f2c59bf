import { digestOf } from '../digest.ts';

/** One file of a source as it is stored: its content is found by its digest. */
export interface SourceEntry {
  readonly path: string;
  readonly digest: string;
  readonly size: number;
}

/** A source without its contents: what names it and what it consists of, sorted by path. */
export interface SourceTree {
  readonly digest: string;
  readonly entries: readonly SourceEntry[];
}

/**
 * The content address of a source. Sorting by code unit makes it independent of the order in which an archive, a directory or an
 * object listed the files; the newline and the NUL cannot occur in a valid path, so that two trees never spell the same.
 */
export function sourceTree(entries: readonly SourceEntry[]): SourceTree {
  // No two files have one path, so that nothing compares as equal.
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
 * Why a path may not stand in a source, or null when it may. Paths are relative, with "/", already normal: what a path means must
 * not depend on who unpacks it, and nothing may point outside.
 */
export function pathProblem(path: string): string | null {
  if (path === '') return 'a path may not be empty';
  if (path.length > 512) return 'a path may have at most 512 characters';
  if (path.startsWith('/') || /^[A-Za-z]:/.test(path)) return 'a path must be relative';
  if (path.includes('\\')) return 'a path uses "/" between its parts';
  // eslint-disable-next-line no-control-regex -- control characters are exactly what is being refused
  if (/[\u0000-\u001f\u007f]/.test(path)) return 'a path may not have control characters';
  if (!path.isWellFormed()) return 'a path must be valid Unicode';
  const parts = path.split('/');
  if (parts.includes('..')) return 'a path may not have ".." in it';
  if (parts.includes('.') || parts.includes('')) return 'a path must be normal: no ".", no empty part';
  return null;
}
