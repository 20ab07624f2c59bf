import { execFile } from 'node:child_process';
import { lstat, readdir, realpath } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { serverLimits } from '../embedded/limits.ts';

/** A home that this user's `npm start` did not make. */
export class ForeignHomeError extends Error {
  override name = 'ForeignHomeError';
}

/**
 * Refuses a home that may have come with the folder: in a clone or an unpacked archive of somebody else, its author would know the admin
 * token and could lead what is written elsewhere. A home that was made here has files that no other user can read, and is in no repository,
 * while git and archives of git give files to all to read. A missing or empty folder is fine. Throws ForeignHomeError.
 */
export async function refuseForeignHome(path: string): Promise<void> {
  // Without links: the user may reach the home through one, and what it leads to is checked.
  const home = await realpath(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw error;
  });
  if (home === null) return;
  await refuseStranger(home, home, 0o022);
  for (const name of (await readdir(home)).filter(isOfHome))
    await refuseStranger(home, join(home, name), 0o077);
  if (await isTracked(home)) throw foreign(home, `${home} has files that are tracked by git`);
}

/** Whether a stack uses a file or folder of that name in its home. Those that it is still writing have an ending more. */
export function isOfHome(name: string): boolean {
  return OF_HOME.some((one) => name === one || name.startsWith(`${one}.`));
}

const OF_HOME = [
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

/** @param closedTo the permissions that nobody may have */
async function refuseStranger(home: string, path: string, closedTo: number): Promise<void> {
  const uid = process.getuid?.();
  // Windows has neither owners nor modes in this sense.
  if (uid === undefined) return;
  const file = await lstat(path);
  if (!file.isFile() && !file.isDirectory())
    throw foreign(home, `${path} is neither a regular file nor a folder`);
  // PostgreSQL runs as another user when we are root, and makes its folder under a longer name.
  const mayBeOthers = uid === 0 && /^postgres(?:\.|$)/.test(basename(path));
  if (file.uid !== uid && !mayBeOthers) throw foreign(home, `${path} belongs to another user`);
  if ((file.mode & closedTo) !== 0) throw foreign(home, `${path} is open to other users`);
}

/** False without git, and where there is no repository. */
async function isTracked(home: string): Promise<boolean> {
  // A repository may name a program that git runs to look for changes. Git is not looked for in a folder that may be somebody else's.
  const args = ['-c', 'core.fsmonitor=false', '-C', home, 'ls-files', '--', '.'];
  const options = {
    cwd: dirname(process.execPath),
    timeout: serverLimits.gitMs,
    env: { PATH: process.env.PATH },
  };
  return promisify(execFile)('git', args, options).then(
    ({ stdout }) => stdout !== '',
    // More than fits, which is a list of files too.
    (error: unknown) =>
      error instanceof Error && 'code' in error && error.code === 'ERR_CHILD_PROCESS_STDIO_MAXBUFFER',
  );
}

function foreign(home: string, what: string): ForeignHomeError {
  return new ForeignHomeError(
    `${what}, so that somebody else may have written it and know the admin token. Move ${home} away, or set POINTSMAN_HOME to ` +
      `another folder. If it is yours: keep it out of git, and run chmod -R go= ${home}`,
  );
}
