import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';

/** The reason why a file could not be read. */
export type FileFault = 'missing' | 'link' | 'not a file' | 'too large' | 'unreadable';

/**
 * The error for a file that could not be read. Its message is only the reason, such as `it is a symbolic
 * link`.
 */
export class FileError extends Error {
  override readonly name = 'FileError';
  readonly fault: FileFault;

  constructor(fault: FileFault, options: { readonly cause?: unknown } = {}) {
    super(REASONS[fault], options);
    this.fault = fault;
  }
}

/**
 * Reads a file that an untrusted person may have created. It reads only regular files: a symbolic link could
 * point out of the folder, a FIFO would block, and a device may be endless. Symbolic links in the path of the
 * parent folder are followed.
 *
 * A file that is larger than `maxBytes` is an error. It reads at most one byte more than that, even if the
 * file grows in the meantime. Throws FileError.
 */
export function readRegularFile(path: string, maxBytes: number): Buffer {
  const file = open(path);
  try {
    const { size } = checked(file);
    if (size > maxBytes) throw new FileError('too large');
    return readAtMost(file, maxBytes, size);
  } catch (cause) {
    throw cause instanceof FileError ? cause : new FileError('unreadable', { cause });
  } finally {
    closeSync(file);
  }
}

const REASONS: Readonly<Record<FileFault, string>> = {
  missing: 'it is missing',
  link: 'it is a symbolic link',
  'not a file': 'it is not a regular file',
  'too large': 'it is too large',
  unreadable: 'reading it failed',
};

// O_NOFOLLOW rejects a symbolic link. O_NONBLOCK is needed because opening a FIFO would otherwise wait for a
// writer. Windows has neither of the flags, and it has no FIFOs in its file system.
const FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

function open(path: string): number {
  try {
    return openSync(path, FLAGS);
  } catch (cause) {
    throw new FileError(FAULT_OF_OPENING.get((cause as NodeJS.ErrnoException).code ?? '') ?? 'unreadable', {
      cause,
    });
  }
}

/**
 * The reason for each error code of open(2). With O_NOFOLLOW, a symbolic link gives ELOOP, or EMLINK on
 * FreeBSD. A socket gives ENXIO.
 */
const FAULT_OF_OPENING: ReadonlyMap<string, FileFault> = new Map([
  ['ENOENT', 'missing'],
  ['ELOOP', 'link'],
  ['EMLINK', 'link'],
  ['ENXIO', 'not a file'],
]);

function checked(file: number): { readonly size: number } {
  const stats = fstatSync(file);
  if (!stats.isFile()) throw new FileError('not a file');
  return stats;
}

/**
 * Reads at most `maxBytes` plus one byte. `size` is only the initial size of the buffer, because the file may
 * have grown, and files in /proc report the size 0.
 */
function readAtMost(file: number, maxBytes: number, size: number): Buffer {
  let content = Buffer.alloc(size + 1);
  let length = 0;
  for (;;) {
    const read = readSync(file, content, length, content.length - length, null);
    if (read === 0) return content.subarray(0, length);
    length += read;
    if (length > maxBytes) throw new FileError('too large');
    if (length === content.length) {
      content = Buffer.concat([content, Buffer.alloc(Math.min(length, maxBytes + 1 - length))]);
    }
  }
}
