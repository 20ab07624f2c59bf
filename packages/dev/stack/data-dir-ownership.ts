import { execFile } from 'node:child_process';
import { lstat, readdir, realpath } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { serverLimits } from '../embedded/limits.ts';

/** A data directory that was not created by `npm start` of this user. */
export class ForeignDataDirError extends Error {
  override name = 'ForeignDataDirError';
}

/**
 * Rejects a data directory that may have come with a clone or an unpacked archive, and throws
 * ForeignDataDirError. The author of such a directory would know its admin token, and could redirect what the
 * stack writes.
 *
 * A directory that `npm start` created is recognized by two facts: other users can't read its files, and Git
 * does not track them. Git and archives create files that all users can read. A missing or empty folder is
 * accepted.
 */
export async function refuseForeignDataDir(path: string): Promise<void> {
  // The path may be a symbolic link that the user has created. The target of the link is then checked.
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
 * Returns whether a file or folder with this name belongs to a data directory. While such a file is being
 * written, its name has an additional suffix.
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

/**
 * Throws ForeignDataDirError if the file belongs to another user, or if other users can access it.
 * @param closedTo the bits of the file mode that must not be set
 */
async function refuseForeignFile(dataDir: string, path: string, closedTo: number): Promise<void> {
  const uid = process.getuid?.();
  // Windows has no such owners and file modes, so nothing is checked there.
  if (uid === undefined) return;
  const file = await lstat(path);
  if (!file.isFile() && !file.isDirectory())
    throw foreign(dataDir, `${path} is neither a regular file nor a folder`);
  // If this process is root, PostgreSQL runs as another user, and its folder belongs to that user. While the
  // folder is being created, its name is longer.
  const mayBeOthers = uid === 0 && /^postgres(?:\.|$)/.test(basename(path));
  if (file.uid !== uid && !mayBeOthers) throw foreign(dataDir, `${path} belongs to another user`);
  if ((file.mode & closedTo) !== 0) throw foreign(dataDir, `${path} is open to other users`);
}

/**
 * Returns whether Git tracks a file in the data directory. Returns false outside of a repository, or if Git
 * is not installed.
 */
async function isTracked(dataDir: string): Promise<boolean> {
  // A repository can configure a program that Git runs to detect changes; `core.fsmonitor=false` prevents
  // that. Git itself is not searched for in the current folder, which may belong to another person.
  const args = ['-c', 'core.fsmonitor=false', '-C', dataDir, 'ls-files', '--', '.'];
  const options = {
    cwd: dirname(process.execPath),
    timeout: serverLimits.gitMs,
    env: { PATH: process.env.PATH },
  };
  return promisify(execFile)('git', args, options).then(
    ({ stdout }) => stdout !== '',
    // This error means that the list of tracked files exceeds the output buffer, so the list is not empty.
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
