import { execFile } from 'node:child_process';
import { lchown, readdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { serverLimits } from '../embedded/limits.ts';

const run = promisify(execFile);

/** How to start a PostgreSQL program as a user other than root, because PostgreSQL refuses to run as root. */
export interface PostgresUser {
  /** The owner of the files; null if it is the user who runs this process. */
  readonly owner: Owner | null;
  /** Returns the program and the arguments to start instead, and the user to run them as. */
  command(file: string, args: readonly string[]): { file: string; args: string[]; user?: Owner };
}

export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/**
 * Decides which user runs PostgreSQL. An ordinary user runs it as itself. Root runs it as the owner of `dataDir`, or as `nobody` if the
 * folder is new or belongs to root. That user may lack access to a parent folder (a clone under /root, a private temporary folder). Then
 * PostgreSQL also gets the right to bypass file modes, and no other right of root.
 *
 * Throws with instructions if neither works.
 */
export async function postgresUser(binary: string, dataDir: string): Promise<PostgresUser> {
  if (process.getuid?.() !== 0) return { owner: null, command: (file, args) => ({ file, args: [...args] }) };
  const owner = (await dataOwner(dataDir)) ?? (await nobody());
  const plain: PostgresUser = { owner, command: (file, args) => ({ file, args: [...args], user: owner }) };
  if (await works(plain, binary, dirname(dataDir))) return plain;
  const passing: PostgresUser = {
    owner,
    command: (file, args) => ({ file: 'setpriv', args: [...setprivArgs(owner), file, ...args] }),
  };
  if (await works(passing, binary, dirname(dataDir))) return passing;
  throw new Error(
    `PostgreSQL refuses to run as root, and user ${owner.uid} may not enter ${dirname(binary)} or ${dirname(dataDir)}. ` +
      'Run as an ordinary user, or move the folder out of private ones, or set POINTSMAN_HOME to a folder that this user may enter, ' +
      'or set DATABASE_URL to your own PostgreSQL.',
  );
}

/**
 * Changes the owner of the folder and everything in it, because files that root has copied belong to root.
 */
export async function giveTo(owner: Owner, folder: string): Promise<void> {
  await lchown(folder, owner.uid, owner.gid);
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) await giveTo(owner, path);
    else await lchown(path, owner.uid, owner.gid);
  }
}

async function dataOwner(dataDir: string): Promise<Owner | null> {
  const found = await stat(dataDir).catch(() => null);
  return found === null || found.uid === 0 ? null : { uid: found.uid, gid: found.gid };
}

async function nobody(): Promise<Owner> {
  const [uid, gid] = await Promise.all([run('id', ['-u', 'nobody']), run('id', ['-g', 'nobody'])]);
  return { uid: Number(uid.stdout), gid: Number(gid.stdout) };
}

// An ambient capability survives the exec of a program that is not set-uid. This one lets PostgreSQL read and enter folders that file
// modes would forbid. CAP_DAC_READ_SEARCH would be enough to enter them, but containers lack it by default. PostgreSQL finds its own
// files with access(2), for which the kernel drops the capabilities of a real user other than root, unless no_setuid_fixup is set.
function setprivArgs(owner: Owner): string[] {
  const passing = '+dac_override';
  const user = [`--reuid=${owner.uid}`, `--regid=${owner.gid}`, '--clear-groups'];
  return [...user, '--securebits=+no_setuid_fixup', `--inh-caps=${passing}`, `--ambient-caps=${passing}`];
}

// Checks that the program starts there, finds its own files and can see the folder. The file modes alone don't decide that: an access
// list, a security module or a missing capability of a container can too. A program that does not find itself only logs that, prints its
// version and exits with 0. Then initdb would fail.
async function works(user: PostgresUser, binary: string, folder: string): Promise<boolean> {
  const check = user.command('/bin/sh', ['-c', '"$0" --version && test -x "$1"', binary, folder]);
  const env = { PATH: process.env.PATH ?? '/usr/bin:/bin', LC_ALL: 'C' };
  const options = { ...check.user, env, timeout: serverLimits.probeMs, cwd: '/' };
  try {
    const { stderr } = await run(check.file, check.args, options);
    return !stderr.includes('invalid binary');
  } catch {
    return false;
  }
}
