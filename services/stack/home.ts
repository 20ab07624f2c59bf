import { mkdir, realpath, rename, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';

/** The folder of one stack. Every path in it is derived from where it is now, so that it can be moved and copied. */
export interface Home {
  /** Absolute, without symbolic links: process command lines are compared with it. */
  readonly path: string;
  readonly postgres: string;
  readonly restate: string;
  readonly logs: string;
  /** Who runs now: process numbers, and the lock. Of no meaning when nothing runs. */
  readonly run: string;
  readonly ports: string;
}

/** Makes the folder when it is missing. */
export async function openHome(path: string): Promise<Home> {
  // PostgreSQL runs as another user when we are root, and must be able to pass through.
  await mkdir(resolve(path), { recursive: true, mode: process.getuid?.() === 0 ? 0o711 : 0o700 });
  const home = await realpath(path);
  const at = (name: string) => join(home, name);
  const logs = at('logs');
  const run = at('run');
  await Promise.all([logs, run].map((folder) => mkdir(folder, { recursive: true, mode: 0o700 })));
  return { path: home, postgres: at('postgres'), restate: at('restate'), logs, run, ports: at('ports.json') };
}

/** Leaves the API's address for the command line on this machine. */
export async function keepApiUrl(home: Home, url: string): Promise<void> {
  await writeWhole(join(home.path, 'api-url'), url);
}

/** Writes a secret of the home's, readable by its owner alone: the whole of it, or nothing. A line end is added. */
export async function writeWhole(file: string, text: string): Promise<void> {
  await writeFile(`${file}.half`, `${text}\n`, { mode: 0o600 });
  await rename(`${file}.half`, file);
}
