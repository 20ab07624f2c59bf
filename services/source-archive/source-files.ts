import { boundedDiagnostic, type Diagnostic, reportedDiagnostics } from '../../core/releases/diagnostic.ts';
import { digestOf } from '../../core/digest.ts';
import { documentLimits, sourceLimits } from '../../core/limits/limits.ts';
import { fileAsFolder, pathProblem, type SourceEntry, sourceTree } from '../../core/releases/source.ts';
import type { InvalidSource, ReadSource } from './read-source.ts';

/** A file that is past a limit: there is no use in reading on. */
export class TooLarge extends Error {}

/**
 * The files of a source as they come out of a body, in any order. Problems of single files are gathered, so that an author hears of
 * all of them; a limit ends the reading at once.
 */
export class SourceFiles {
  readonly #entries = new Map<string, SourceEntry>();
  readonly #contents = new Map<string, Uint8Array>();
  readonly #diagnostics: Diagnostic[] = [];
  #bytes = 0;
  #problems = 0;

  /**
   * Whether a file of that path and size may come. Throws TooLarge past a limit. Asked before the content is read, so that nothing is
   * unpacked in vain.
   */
  admit(path: string, size: number): boolean {
    // First, since what follows says the path.
    const problem = pathProblem(path);
    if (problem !== null) return this.refuse(path, 'path', problem);
    if (size > sourceLimits.fileBytes) {
      throw new TooLarge(`${path} has ${size} bytes; a file may have ${sourceLimits.fileBytes}.`);
    }
    if (this.#bytes + size > sourceLimits.totalBytes) {
      throw new TooLarge(
        `With ${path} the files have more than the ${sourceLimits.totalBytes} bytes that a source may have.`,
      );
    }
    if (this.#entries.size >= sourceLimits.files) {
      throw new TooLarge(
        `There are more than the ${sourceLimits.files} files that a source may have; ${path} is past it.`,
      );
    }
    if (this.#entries.has(path)) return this.refuse(path, 'duplicate_path', 'this path is there twice');
    this.#bytes += size;
    return true;
  }

  add(path: string, content: Uint8Array): void {
    const digest = digestOf(content);
    this.#entries.set(path, { path, digest, size: content.byteLength });
    this.#contents.set(digest, content);
  }

  /** Notes that a file can't be part of a source. Always false, for `admit`. */
  refuse(path: string, code: string, message: string): false {
    this.#problems++;
    if (this.#diagnostics.length < documentLimits.diagnostics) {
      const place = { path: path.toWellFormed(), line: 1, column: 1, pointer: '' };
      this.#diagnostics.push(boundedDiagnostic({ ...place, code, message }));
    }
    return false;
  }

  /** @param whyEmpty what to say when there is no file */
  finish(whyEmpty = 'a source has at least one file'): ReadSource | InvalidSource {
    for (const path of this.#entries.keys()) this.#refuseFileAsDirectory(path);
    if (this.#entries.size === 0 && this.#problems === 0) this.refuse('', 'no_files', whyEmpty);
    if (this.#problems > 0) {
      const diagnostics = reportedDiagnostics(this.#diagnostics);
      return { kind: 'invalid', diagnostics, truncated: this.#problems > diagnostics.length };
    }
    return { kind: 'source', tree: sourceTree([...this.#entries.values()]), ...packed(this.#contents) };
  }

  // A file can't stand where another file needs a directory.
  #refuseFileAsDirectory(path: string): void {
    const parent = fileAsFolder(path, this.#entries);
    if (parent === null) return;
    this.refuse(path, 'path_collision', `${parent} is a file, so that nothing can be inside of it`);
  }
}

// One buffer, since handing ten thousand to another thread costs more than reading them did.
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
