import { sourceLimits } from '@pointsman/protocol/limits';
import { archiveLimits } from './limits.ts';

/** Maps archive entries to paths of the source, and limits the unpacked size. */
export interface ArchiveLayout {
  /** Maps the name of an entry, without a leading "./", to its path in the source. */
  place(name: string): PlacedEntry;
  /** The maximum unpacked size in bytes, including headers and padding. */
  readonly unpackedBytes: number;
  /** Whether an uncompressed tar is accepted. */
  readonly mayBePlain: boolean;
  /** The error message when the archive contains no file of the source. */
  readonly whyEmpty?: string;
}

export type PlacedEntry =
  | { readonly kind: 'inside'; readonly path: string }
  /** The entry is not part of the source. */
  | { readonly kind: 'outside' }
  /** The archive as a whole is invalid. */
  | { readonly kind: 'wrong'; readonly message: string };

/**
 * The layout of an archive that contains only a source. The name of each entry is its path in the source, as `tar -C
 * dir -czf … .` writes it.
 */
export function sourceLayout(): ArchiveLayout {
  return {
    place: (path) => ({ kind: 'inside', path }),
    unpackedBytes: sourceLimits.totalBytes + sourceLimits.files * archiveLimits.tarBytesPerFile,
    mayBePlain: false,
  };
}

/**
 * The layout of a repository archive at one commit, as Git hosts create it. Its single top-level folder is removed from
 * the paths. Entries outside `folder`, including links, are ignored; null includes all entries.
 *
 * If the server declared gzip as the content encoding, the HTTP client has already decompressed the body. A plain tar
 * is therefore accepted.
 */
export function repositoryLayout(folder: string | null): ArchiveLayout {
  const inside = folder === null ? '' : `${folder}/`;
  let top: string | null = null;
  return {
    place(name) {
      const [first = '', ...rest] = name.split('/');
      if (first === '' || first === '..')
        return { kind: 'wrong', message: 'a path may not lead outside the archive' };
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

const ONE_FOLDER = 'the archive of a repository must have exactly one top-level folder';
