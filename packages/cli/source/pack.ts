import { readdir, stat } from 'node:fs/promises';
import { buffer } from 'node:stream/consumers';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { pack as tarPack } from 'tar-stream';

import { sourceLimits } from '@pointsman/protocol/limits';
import { pathProblem } from '@pointsman/protocol/releases/source';
import { FileError, readRegularFile } from '@pointsman/protocol/files/regular-file';
import { CliError } from '../failures.ts';
import { IGNORE_FILE, sendingRules } from './ignore-file.ts';
import { firstNames } from '../output/format.ts';
import { refuseLinks } from './path-links.ts';
import { printable } from '../output/printable.ts';

/** A source directory, packed into an archive for a publish. */
export interface PackedSource {
  readonly files: readonly PackedFile[];
  /**
   * The paths that were left out, sorted. A path that ends with a slash is a folder, which was left out as a
   * whole.
   */
  readonly ignored: readonly string[];
  /** The total size of the files before packing. */
  readonly bytes: number;
  /**
   * The archive, a tar.gz. Its entries are sorted by path and have no times, owners or modes, so that the
   * same files always give the same bytes.
   */
  readonly archive: Uint8Array;
}

/**
 * Packs the files under `directory`, except the ignored ones (see ignore-file.ts). Throws a CliError that
 * lists all entries that can't be published: symbolic links, sockets, invalid paths, and files beyond the
 * limits. The path of the directory itself must not contain a symbolic link ({@link refuseLinks}).
 */
export async function packDirectory(directory: string): Promise<PackedSource> {
  refuseLinks(directory);
  const top = await stat(directory).catch(() => null);
  if (top === null) throw new CliError('usage', `The directory ${printable(directory)} does not exist.`);
  if (!top.isDirectory()) throw new CliError('usage', `${printable(directory)} is not a directory.`);
  const found: Found = { paths: [], ignored: [], problems: [], sending: sendingRules(directory) };
  await walk(directory, '', found);
  const { files, bytes } = readAll(directory, found);
  if (found.problems.length > 0) throw notPublishable(directory, found.problems);
  const ignored = found.ignored.toSorted(byCodeUnit);
  if (files.length === 0) {
    throw new CliError('rejected', `There is nothing to publish in ${printable(directory)}.`, {
      hints: ignored.length === 0 ? [] : [`Ignored: ${firstNames(ignored)}. See ${IGNORE_FILE}.`],
    });
  }
  const archive = await promisify(gzip)(await tar(files));
  return { files, ignored, bytes, archive };
}

interface Found {
  readonly paths: string[];
  readonly ignored: string[];
  readonly sending: ReturnType<typeof sendingRules>;
  readonly problems: string[];
}

export interface PackedFile {
  readonly path: string;
  readonly content: Buffer;
}

async function walk(directory: string, prefix: string, found: Found): Promise<void> {
  const entries = await readdir(join(directory, prefix), { withFileTypes: true });
  for (const entry of entries) {
    const path = prefix === '' ? entry.name : `${prefix}/${entry.name}`;
    const sending = found.sending(path, entry.isDirectory());
    if (sending === 'ignored') found.ignored.push(entry.isDirectory() ? `${path}/` : path);
    if (sending !== 'sent') continue;
    const problem = nameProblem(path);
    if (problem !== null) found.problems.push(`${printable(path)}: ${problem}`);
    else if (entry.isDirectory()) await walk(directory, path, found);
    else if (entry.isFile()) found.paths.push(path);
    else if (entry.isSymbolicLink()) {
      found.problems.push(`${path} is a symbolic link: replace it with a copy of its target, or remove it`);
    } else found.problems.push(`${path} is neither a file nor a directory`);
  }
}

// Returns why the name of a file is invalid, or null if it is valid. Node replaces invalid UTF-8 in a name
// with U+FFFD, and then can't open the file by that name. The API rejects such names too.
function nameProblem(path: string): string | null {
  return path.includes('\ufffd') ? 'a path must be valid UTF-8' : pathProblem(path);
}

/** Reads the contents of all files. Stops when their total size exceeds the limit. */
function readAll(directory: string, found: Found): { files: PackedFile[]; bytes: number } {
  const files: PackedFile[] = [];
  let bytes = 0;
  if (found.paths.length > sourceLimits.files) {
    found.problems.push(
      `there are ${found.paths.length} files, and at most ${sourceLimits.files} are allowed`,
    );
    return { files, bytes };
  }
  for (const path of found.paths.toSorted(byCodeUnit)) {
    try {
      const content = readRegularFile(join(directory, path), sourceLimits.fileBytes);
      bytes += content.byteLength;
      files.push({ path, content });
    } catch (error) {
      if (!(error instanceof FileError)) throw error;
      found.problems.push(fileProblem(path, error));
    }
    if (bytes > sourceLimits.totalBytes) {
      found.problems.push(`all files together are larger than ${sourceLimits.totalBytes} bytes, the maximum`);
      break;
    }
  }
  return { files, bytes };
}

function fileProblem(path: string, error: FileError): string {
  if (error.fault === 'too large')
    return `${path} is larger than ${sourceLimits.fileBytes} bytes, the maximum`;
  return `${path} can't be read: ${error.message}`;
}

// Compares by UTF-16 code unit, as packages/protocol/releases/source.ts does, because the order must not
// depend on the locale of the machine.
function byCodeUnit(a: string, b: string): number {
  return a < b ? -1 : 1;
}

async function tar(files: readonly PackedFile[]): Promise<Buffer> {
  const archive = tarPack();
  const written = buffer(archive);
  for (const { path, content } of files) {
    archive.entry({ name: path, mode: 0o644, mtime: new Date(0), uid: 0, gid: 0 }, content);
  }
  archive.finalize();
  return written;
}

function notPublishable(directory: string, problems: readonly string[]): CliError {
  return new CliError('rejected', `${printable(directory)} can't be published:`, {
    hints: problems.slice(0, 20).concat(problems.length > 20 ? [`and ${problems.length - 20} more`] : []),
  });
}
