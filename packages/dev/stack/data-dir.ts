import { mkdir, realpath, rename, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';

/**
 * The data directory of one stack. All paths are derived from its current location, so that it can be moved
 * and copied.
 */
export interface DataDir {
  /** The absolute path without symbolic links. It is compared with the command lines of processes. */
  readonly path: string;
  readonly postgres: string;
  readonly restate: string;
  readonly logs: string;
  /** The folder for process IDs and the lock. Its content is valid only while a stack runs. */
  readonly run: string;
  readonly ports: string;
}

/** Opens a data directory, and creates it if it does not exist. */
export async function openDataDir(path: string): Promise<DataDir> {
  // If this process is root, PostgreSQL runs as another user, which must be able to enter this folder.
  await mkdir(resolve(path), { recursive: true, mode: process.getuid?.() === 0 ? 0o711 : 0o700 });
  const root = await realpath(path);
  const at = (name: string) => join(root, name);
  const logs = at('logs');
  const run = at('run');
  await Promise.all([logs, run].map((folder) => mkdir(folder, { recursive: true, mode: 0o700 })));
  return { path: root, postgres: at('postgres'), restate: at('restate'), logs, run, ports: at('ports.json') };
}

/** Stores the URL of the API in the data directory, where the command line on this machine finds it. */
export async function writeApiUrl(root: DataDir, url: string): Promise<void> {
  await writeAtomically(join(root.path, 'api-url'), url);
}

/** Writes a text and a newline to a file atomically. Only the owner of the file can read it. */
export async function writeAtomically(file: string, text: string): Promise<void> {
  await writeFile(`${file}.half`, `${text}\n`, { mode: 0o600 });
  await rename(`${file}.half`, file);
}
