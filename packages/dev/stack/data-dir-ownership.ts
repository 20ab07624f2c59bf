import { execFile } from 'node:child_process';
import { lstat, readdir, realpath } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { serverLimits } from '../embedded/limits.ts';

/** A data directory that this user's `npm start` did not create. */
export class ForeignDataDirError extends Error {
  override name = 'ForeignDataDirError';
}

/**
 * Rejects a data directory that may have come with a clone or an unpacked archive. Its author would know the
 * admin token, and could redirect what is written. In a directory created by `npm start`, no other user can
 * read the files, and Git does not track them. Git and git archives create files that all users can read. A
 * missing or empty folder is accepted. Throws ForeignDataDirError.
 */
export async function refuseForeignDataDir(path: string): Promise<void> {
  // The user may have made the directory a symbolic link. Check its target.
  const dataDir = await realpath(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw error;
  });
  if (dataDir === null) return;
  await refuseForeignFile(dataDir, dataDir, 0o022);
  for (const name of (await readdir(dataDir)).filter(isDataDirEntry))
    await refuseForeignFile(dataDir, join(dataDir, name), 0o077);
  if (await isTracked(dataDir)) throw foreign(dataDir, `${dataDir} has files that are tracked by git`);
}

/**
 * Returns whether a stack uses a file or folder with this name. A partly written file has an additional
 * suffix.
 */
export function isDataDirEntry(name: string): boolean {
  return DATA_DIR_ENTRIES.some((one) => name === one || name.startsWith(`${one}.`));
}

const DATA_DIR_ENTRIES = [
  'admin-token',
  'api-url',
  'ports.json',
  'secret-key',
  'request-identity.pem',
  'run',
  'logs',
  'postgres',
  'restate',
];

/** @param closedTo the file mode bits that must not be set */
async function refuseForeignFile(dataDir: string, path: string, closedTo: number): Promise<void> {
  const uid = process.getuid?.();
  // Windows has no such owners and modes.
  if (uid === undefined) return;
  const file = await lstat(path);
  if (!file.isFile() && !file.isDirectory())
    throw foreign(dataDir, `${path} is neither a regular file nor a folder`);
  // PostgreSQL runs as another user if this process is root, and creates its folder under a longer name.
  const mayBeOthers = uid === 0 && /^postgres(?:\.|$)/.test(basename(path));
  if (file.uid !== uid && !mayBeOthers) throw foreign(dataDir, `${path} belongs to another user`);
  if ((file.mode & closedTo) !== 0) throw foreign(dataDir, `${path} is open to other users`);
}

/**
 * Returns whether Git tracks a file in the data directory. False if Git is not installed, or outside a
 * repository.
 */
async function isTracked(dataDir: string): Promise<boolean> {
  // A repository may configure a program that git runs to detect changes. Git is not searched in a folder
  // that may belong to another person.
  const args = ['-c', 'core.fsmonitor=false', '-C', dataDir, 'ls-files', '--', '.'];
  const options = {
    cwd: dirname(process.execPath),
    timeout: serverLimits.gitMs,
    env: { PATH: process.env.PATH },
  };
  return promisify(execFile)('git', args, options).then(
    ({ stdout }) => stdout !== '',
    // The output exceeds the buffer, so the list of files is not empty.
    (error: unknown) =>
      error instanceof Error && 'code' in error && error.code === 'ERR_CHILD_PROCESS_STDIO_MAXBUFFER',
  );
}

function foreign(dataDir: string, what: string): ForeignDataDirError {
  return new ForeignDataDirError(
    `${what}. Another person may have written it, and may know the admin token. Move ${dataDir} away, or set POINTSMAN_HOME to ` +
      `another folder. If it is yours: keep it out of git, and run chmod -R go= ${dataDir}`,
  );
}
