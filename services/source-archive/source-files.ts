import {
  boundedDiagnostic,
  type Diagnostic,
  reportedDiagnostics,
} from '@pointsman/protocol/releases/diagnostic';
import { digestOf } from '@pointsman/protocol/digest';
import { sourceLimits, documentLimits } from '@pointsman/protocol/limits';
import { fileAsFolder, pathProblem, type SourceEntry, sourceTree } from '@pointsman/protocol/releases/source';
import type { InvalidSource, ReadSource } from './read-source.ts';

/** Thrown to end the reading when a limit is exceeded. */
export class TooLarge extends Error {}

/**
 * Collects the files of a source, which may be added in any order. All invalid files are reported, so that the author
 * can fix them together. If a limit is exceeded, however, the reading ends immediately.
 */
export class SourceFiles {
  readonly #entries = new Map<string, SourceEntry>();
  readonly #contents = new Map<string, Uint8Array>();
  readonly #diagnostics: Diagnostic[] = [];
  #bytes = 0;
  #problems = 0;

  /**
   * Returns whether a file with this path and size is accepted. Throws TooLarge if a limit is exceeded. It must be
   * called before the content is read, so that the content of a refused file is not unpacked.
   */
  admit(path: string, size: number): boolean {
    // The path is checked first, because the messages of the other checks contain it.
    const problem = pathProblem(path);
    if (problem !== null) return this.refuse(path, 'path', problem);
    if (size > sourceLimits.fileBytes) {
      throw new TooLarge(`${path} has ${size} bytes; the limit for a file is ${sourceLimits.fileBytes}.`);
    }
    if (this.#bytes + size > sourceLimits.totalBytes) {
      throw new TooLarge(
        `With ${path} the files exceed the limit of ${sourceLimits.totalBytes} bytes for a source.`,
      );
    }
    if (this.#entries.size >= sourceLimits.files) {
      throw new TooLarge(
        `The source has more than the limit of ${sourceLimits.files} files; ${path} exceeds it.`,
      );
    }
    if (this.#entries.has(path)) return this.refuse(path, 'duplicate_path', 'this path occurs twice');
    this.#bytes += size;
    return true;
  }

  add(path: string, content: Uint8Array): void {
    const digest = digestOf(content);
    this.#entries.set(path, { path, digest, size: content.byteLength });
    this.#contents.set(digest, content);
  }

  /**
   * Adds a file whose content is stored already, by its digest. Its size is unknown here, and 0 in the list of files.
   */
  addStored(path: string, digest: string): void {
    this.#entries.set(path, { path, digest, size: 0 });
  }

  /**
   * Reports that a file can't be part of a source. Always returns false, so that `admit` can return its result
   * directly.
   */
  refuse(path: string, code: string, message: string): false {
    this.#problems++;
    if (this.#diagnostics.length < documentLimits.diagnostics) {
      const place = { path: path.toWellFormed(), line: 1, column: 1, pointer: '' };
      this.#diagnostics.push(boundedDiagnostic({ ...place, code, message }));
    }
    return false;
  }

  /**
   * Returns the source, or the problems if it is invalid.
   * @param whyEmpty the error message if there is no file
   */
  finish(whyEmpty = 'a source has at least one file'): ReadSource | InvalidSource {
    for (const path of this.#entries.keys()) this.#refuseFileAsDirectory(path);
    if (this.#entries.size === 0 && this.#problems === 0) this.refuse('', 'no_files', whyEmpty);
    if (this.#problems > 0) {
      const diagnostics = reportedDiagnostics(this.#diagnostics);
      return { kind: 'invalid', diagnostics, truncated: this.#problems > diagnostics.length };
    }
    return { kind: 'source', tree: sourceTree([...this.#entries.values()]), ...packed(this.#contents) };
  }

  // Refuses a path if one of its parent folders is a file of the source.
  #refuseFileAsDirectory(path: string): void {
    const parent = fileAsFolder(path, this.#entries);
    if (parent === null) return;
    this.refuse(path, 'path_collision', `${parent} is a file, so it cannot contain other files`);
  }
}

// Copies all contents into one buffer. Transferring ten thousand separate buffers to another thread would take longer
// than reading the archive.
function packed(contents: ReadonlyMap<string, Uint8Array>) {
  let size = 0;
  for (const content of contents.values()) size += content.byteLength;
  const arena = new Uint8Array(size);
  const ends: number[] = [];
  let at = 0;
  for (const content of contents.values()) {
    arena.set(content, at);
    at += content.byteLength;
    ends.push(at);
  }
  return { arena, digests: [...contents.keys()], ends };
}
