import { sourceLimits } from '../../core/limits/limits.ts';
import { archiveLimits } from './limits.ts';

/** Where the entries of an archive stand in the source, and how much it may unpack to. */
export interface ArchiveLayout {
  /** `name` without a leading "./". */
  place(name: string): Placed;
  /** Headers and padding included. */
  readonly unpackedBytes: number;
  /** A tar that is not compressed is taken, too. */
  readonly mayBePlain: boolean;
  /** What to say when no file is part of the source. */
  readonly whyEmpty?: string;
}

export type Placed =
  | { readonly kind: 'inside'; readonly path: string }
  /** No part of the source. */
  | { readonly kind: 'outside' }
  /** The whole archive is not what it should be. */
  | { readonly kind: 'wrong'; readonly message: string };

/** An archive that is a source: each file by its own name (`tar -C dir -czf … .` writes it). */
export function sourceLayout(): ArchiveLayout {
  return {
    place: (path) => ({ kind: 'inside', path }),
    unpackedBytes: sourceLimits.totalBytes + sourceLimits.files * archiveLimits.tarBytesPerFile,
    mayBePlain: false,
  };
}

/**
 * An archive of a repository at some commit, as code hosts make it: everything in one folder at its top, which is taken off. What does not
 * lie in `folder` is none of ours, links included; null takes everything.
 *
 * A server may have called the gzip a coding of the answer, which is undone by then: a plain tar is the same archive.
 */
export function repositoryLayout(folder: string | null): ArchiveLayout {
  const inside = folder === null ? '' : `${folder}/`;
  let top: string | null = null;
  return {
    place(name) {
      const [first = '', ...rest] = name.split('/');
      if (first === '' || first === '..') return { kind: 'wrong', message: 'a path may not point outside' };
      if (rest.length === 0) return { kind: 'wrong', message: ONE_FOLDER };
      top ??= first;
      if (first !== top) return { kind: 'wrong', message: ONE_FOLDER };
      const path = rest.join('/');
      const isInside = path !== '' && path.startsWith(inside) && path !== inside;
      return isInside ? { kind: 'inside', path: path.slice(inside.length) } : { kind: 'outside' };
    },
    unpackedBytes: archiveLimits.repositoryBytes,
    mayBePlain: true,
    ...(folder === null ? {} : { whyEmpty: `the repository has no folder "${folder}" at this commit` }),
  };
}

const ONE_FOLDER = 'the archive of a repository holds one folder at its top, and everything in it';
