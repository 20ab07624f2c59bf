import { mkdir, realpath, rename, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';

/**
 * The data directory of one stack. All paths are relative to its current location, so that it can be moved
 * and copied.
 */
export interface DataDir {
  /** Absolute and without symbolic links, because process command lines are compared with it. */
  readonly path: string;
  readonly postgres: string;
  readonly restate: string;
  readonly logs: string;
  /** The folder for process IDs and the lock. Its content is only valid while the stack runs. */
  readonly run: string;
  readonly ports: string;
}

/** Creates the folder if it does not exist. */
export async function openDataDir(path: string): Promise<DataDir> {
  // PostgreSQL runs as another user if this process is root, and needs access to the path.
  await mkdir(resolve(path), { recursive: true, mode: process.getuid?.() === 0 ? 0o711 : 0o700 });
  const root = await realpath(path);
  const at = (name: string) => join(root, name);
  const logs = at('logs');
  const run = at('run');
  await Promise.all([logs, run].map((folder) => mkdir(folder, { recursive: true, mode: 0o700 })));
  return { path: root, postgres: at('postgres'), restate: at('restate'), logs, run, ports: at('ports.json') };
}

/** Stores the API's URL for the command line on this machine. */
export async function writeApiUrl(root: DataDir, url: string): Promise<void> {
  await writeAtomically(join(root.path, 'api-url'), url);
}

/** Writes a secret file atomically, readable only by its owner. A newline is added. */
export async function writeAtomically(file: string, text: string): Promise<void> {
  await writeFile(`${file}.half`, `${text}\n`, { mode: 0o600 });
  await rename(`${file}.half`, file);
}
