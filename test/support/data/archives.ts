import { buffer } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';

import { type Header, pack } from 'tar-stream';

export type ArchiveEntry = Partial<Header> & {
  readonly name: string;
  readonly content?: string | Uint8Array;
};

/** Creates a tar.gz archive with those entries, in the given order. */
export async function archiveOf(entries: readonly ArchiveEntry[]): Promise<Buffer> {
  const archive = pack();
  for (const { content = '', ...header } of entries) archive.entry(header, content);
  archive.finalize();
  return gzipSync(await buffer(archive));
}

/** Creates an archive of a repository as code hosts do: all files are in one folder. */
export function repositoryArchive(files: Readonly<Record<string, string>>): Promise<Buffer> {
  const entries = Object.entries(files).map(([path, content]) => ({
    name: `octo-bot-1a2b3c/${path}`,
    content,
  }));
  return archiveOf([{ name: 'octo-bot-1a2b3c/', type: 'directory' }, ...entries]);
}

/** Creates a small archive whose unpacked content exceeds every limit. */
export async function bombArchive(): Promise<Buffer> {
  const file = { name: 'octo-bot-1a2b3c/zeros', content: Buffer.alloc(64 * 1024 * 1024) };
  return archiveOf([file]);
}
