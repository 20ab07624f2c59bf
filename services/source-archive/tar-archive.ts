import { PassThrough, type Transform } from 'node:stream';
import { createGunzip } from 'node:zlib';

import { type Extract, extract, type Header } from 'tar-stream';

import { sourceLimits } from '../../core/limits/limits.ts';
import type { ArchiveLayout } from './archive-layout.ts';
import type { InvalidSource, ReadSource } from './read-source.ts';
import { SourceFiles, TooLarge } from './source-files.ts';

export type ReadArchive =
  | ReadSource
  | InvalidSource
  | { readonly kind: 'too_large'; readonly message: string }
  | { readonly kind: 'not_gzip' };

/**
 * Reads a tar.gz: regular files only, each where the layout places it. Unpacking stops at the first byte past a limit. Entries that can't
 * be part of a source are reported by name; those that the layout leaves out are not looked at.
 */
export async function readTarArchive(bytes: Uint8Array, layout: ArchiveLayout): Promise<ReadArchive> {
  const isGzip = bytes[0] === 0x1f && bytes[1] === 0x8b;
  if (!isGzip && !(layout.mayBePlain && isTar(bytes))) return { kind: 'not_gzip' };
  const read = new SourceFiles();
  const archive = extract();
  let current = '';
  const gatherFiles = async (): Promise<void> => {
    for await (const entry of archive) {
      const { name } = entry.header;
      current = name.replace(/^\.\//, '');
      const placed = layout.place(current);
      if (placed.kind === 'wrong') read.refuse(current, 'path', placed.message);
      const isRead = placed.kind === 'inside' && isFileToRead(entry.header, placed.path, read);
      if (isRead) read.add(placed.path, await contentOf(entry));
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
    read.refuse(current, 'archive', `the archive can't be read on from here: ${wordsOf(errors[0])}`);
  }
  return read.finish(layout.whyEmpty);
}

/** POSIX.1-1988 and later, and GNU, say so at this place of the first header. */
function isTar(bytes: Uint8Array): boolean {
  return Buffer.from(bytes.subarray(257, 262)).toString('latin1') === 'ustar';
}

function isFileToRead(header: Header, path: string, read: SourceFiles): boolean {
  if (path.includes('\ufffd')) return read.refuse(path, 'path', 'a path must be valid UTF-8');
  if (header.type === 'directory') return isDirectoryInside(path, read);
  const sparse = Object.keys(header.pax ?? {}).some((key) => key.startsWith('GNU.sparse.'));
  if ((header.type !== 'file' && header.type !== 'contiguous-file') || sparse) {
    const what = sparse ? 'sparse file' : nameOf(header.type);
    return read.refuse(path, 'entry_type', `only files can be part of a source, and this is a ${what}`);
  }
  return read.admit(path, header.size);
}

// The library gives null for a type that it does not know, and does not say so.
function nameOf(type: string | null): string {
  return type ?? 'entry of an unknown type';
}

// A directory is no part of a source, but one that points outside says what the archive is.
function isDirectoryInside(path: string, read: SourceFiles): false {
  const parts = path.split('/');
  if (path.startsWith('/') || parts.includes('..'))
    return read.refuse(path, 'path', 'a path may not point outside');
  return false;
}

async function contentOf(entry: object): Promise<Uint8Array> {
  if (!isIterable(entry)) throw new TypeError('the entries of tar-stream are streams');
  const chunks: Uint8Array[] = [];
  for await (const chunk of entry) chunks.push(chunk);
  return Buffer.concat(chunks);
}

// Its type does not say that it can be iterated, and it can.
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
          `The archive unpacks to more than it may; a source may have ${sourceLimits.totalBytes} bytes.`,
        );
      }
      if (archive.destroyed) return;
      if (!archive.write(chunk)) await drained(archive);
    }
    archive.end(null);
  } catch (error) {
    archive.destroy(error instanceof Error ? error : new Error('the archive can not be unpacked'));
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

function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : 'it is not a tar archive';
}
