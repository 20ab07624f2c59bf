import { PassThrough, type Transform } from 'node:stream';
import { createGunzip } from 'node:zlib';

import { type Extract, extract, type Header } from 'tar-stream';

import { sourceLimits } from '@pointsman/protocol/limits';
import type { ArchiveLayout } from './archive-layout.ts';
import type { InvalidSource, ReadSource } from './read-source.ts';
import { SourceFiles, TooLarge } from './source-files.ts';

export type ReadArchive =
  | ReadSource
  | InvalidSource
  | { readonly kind: 'too_large'; readonly message: string }
  | { readonly kind: 'not_gzip' };

/**
 * Reads a tar.gz. Regular files inside the layout are accepted. Any other entry inside the layout, such as a link, is
 * reported with its name. Entries outside the layout are ignored. Unpacking stops at the first byte over a limit.
 */
export async function readTarArchive(bytes: Uint8Array, layout: ArchiveLayout): Promise<ReadArchive> {
  const isGzip = bytes[0] === 0x1f && bytes[1] === 0x8b;
  if (!isGzip && !(layout.mayBePlain && isTar(bytes))) return { kind: 'not_gzip' };
  const source = new SourceFiles();
  const archive = extract();
  let current = '';
  const gatherFiles = async (): Promise<void> => {
    for await (const entry of archive) {
      const { name } = entry.header;
      current = name.replace(/^\.\//, '');
      const placed = layout.place(current);
      if (placed.kind === 'wrong') source.refuse(current, 'path', placed.message);
      const isRead = placed.kind === 'inside' && isFileToRead(entry.header, placed.path, source);
      if (isRead) source.add(placed.path, await contentOf(entry));
      else entry.resume();
    }
  };
  const unpacker = isGzip ? createGunzip() : new PassThrough();
  const unpacking = unpackInto(archive, bytes, unpacker, layout.unpackedBytes);
  const ended = await Promise.allSettled([unpacking, gatherFiles()]);
  const errors = ended.flatMap((one) => (one.status === 'rejected' ? [one.reason as unknown] : []));
  const tooLarge = errors.find((error) => error instanceof TooLarge);
  if (tooLarge) return { kind: 'too_large', message: tooLarge.message };
  if (errors.length > 0) {
    source.refuse(
      current,
      'archive',
      `the archive cannot be read beyond this entry: ${messageOf(errors[0])}`,
    );
  }
  return source.finish(layout.whyEmpty);
}

/**
 * Whether the data is a tar. The first header must contain the magic value "ustar", which POSIX.1-1988 introduced and
 * GNU tar also writes.
 */
function isTar(bytes: Uint8Array): boolean {
  return Buffer.from(bytes.subarray(257, 262)).toString('latin1') === 'ustar';
}

function isFileToRead(header: Header, path: string, source: SourceFiles): boolean {
  if (path.includes('\ufffd')) return source.refuse(path, 'path', 'a path must be valid UTF-8');
  if (header.type === 'directory') return isDirectoryInside(path, source);
  const sparse = Object.keys(header.pax ?? {}).some((key) => key.startsWith('GNU.sparse.'));
  if ((header.type !== 'file' && header.type !== 'contiguous-file') || sparse) {
    const what = sparse ? 'sparse file' : nameOf(header.type);
    return source.refuse(path, 'entry_type', `only files can be part of a source; this is a ${what}`);
  }
  return source.admit(path, header.size);
}

// Names the type of an entry. The library returns null for an unknown type, although its type declaration does not
// include null.
function nameOf(type: string | null): string {
  return type ?? 'entry of an unknown type';
}

// Checks the path of a directory. A source contains no directories, so the result is always false. A path that leads
// outside the archive is reported nevertheless, because it indicates a malicious archive.
function isDirectoryInside(path: string, source: SourceFiles): false {
  const parts = path.split('/');
  if (path.startsWith('/') || parts.includes('..'))
    return source.refuse(path, 'path', 'a path may not lead outside the archive');
  return false;
}

async function contentOf(entry: object): Promise<Uint8Array> {
  if (!isIterable(entry)) throw new TypeError('the entries of tar-stream are streams');
  const chunks: Uint8Array[] = [];
  for await (const chunk of entry) chunks.push(chunk);
  return Buffer.concat(chunks);
}

// Whether the entry can be iterated. Every entry can, but the library's type declaration does not contain the
// iterator.
function isIterable(entry: object): entry is AsyncIterable<Uint8Array> {
  return Symbol.asyncIterator in entry;
}

async function unpackInto(
  archive: Extract,
  bytes: Uint8Array,
  unpacker: Transform,
  limit: number,
): Promise<void> {
  unpacker.end(bytes);
  let unpacked = 0;
  try {
    for await (const chunk of unpacker as AsyncIterable<Buffer>) {
      unpacked += chunk.byteLength;
      if (unpacked > limit) {
        throw new TooLarge(
          `The unpacked archive is too large; the limit for a source is ${sourceLimits.totalBytes} bytes.`,
        );
      }
      if (archive.destroyed) return;
      if (!archive.write(chunk)) await drained(archive);
    }
    archive.end(null);
  } catch (error) {
    archive.destroy(error instanceof Error ? error : new Error('the archive cannot be unpacked'));
    throw error;
  }
}

function drained(archive: Extract): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      archive.off('drain', done).off('close', done);
      resolve();
    };
    archive.on('drain', done).on('close', done);
  });
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : 'it is not a tar archive';
}
