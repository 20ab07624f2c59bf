import { sourceLimits } from '@pointsman/protocol/limits';
import { archiveLimits } from './limits.ts';

/** The layout of an archive: the mapping of its entries to paths of the source, and its limits. */
export interface ArchiveLayout {
  /** Maps the name of an archive entry to its path in the source. The name must not begin with "./". */
  place(name: string): PlacedEntry;
  /** The maximum size of the unpacked tar in bytes, including its headers and padding. */
  readonly unpackedBytes: number;
  /** Whether a tar without compression is also accepted. */
  readonly mayBePlain: boolean;
  /** The error message if the archive contains no file of the source. */
  readonly whyEmpty?: string;
}

export type PlacedEntry =
  | { readonly kind: 'inside'; readonly path: string }
  /** The entry is not part of the source, and is ignored. */
  | { readonly kind: 'outside' }
  /** The entry makes the whole archive invalid. */
  | { readonly kind: 'wrong'; readonly message: string };

/**
 * Returns the layout of an archive that contains only a source. The name of each entry is the path in the source.
 * `tar -C dir -czf … .` creates such an archive.
 */
export function sourceLayout(): ArchiveLayout {
  return {
    place: (path) => ({ kind: 'inside', path }),
    unpackedBytes: sourceLimits.totalBytes + sourceLimits.files * archiveLimits.tarBytesPerFile,
    mayBePlain: false,
  };
}

/**
 * Returns the layout of a repository archive at one commit, as Git hosts create it. The archive has a single
 * top-level folder, which is removed from the paths. Entries outside `folder` are ignored, even if they are links. If
 * `folder` is null, all entries are used.
 *
 * A tar without compression is also accepted. If a server declares gzip as the content encoding, the HTTP client has
 * already decompressed the archive.
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
