import { execFile } from 'node:child_process';
import { lchown, readdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { serverLimits } from '../embedded/limits.ts';

const run = promisify(execFile);

/**
 * The user that runs PostgreSQL, and the way to start its programs as this user. PostgreSQL refuses to run as
 * root, so root must start it as another user.
 */
export interface PostgresUser {
  /**
   * The user that must own the files. Null if this process does not run as root, and therefore owns them
   * itself.
   */
  readonly owner: Owner | null;
  /** Returns the command that starts the program as the right user. */
  command(file: string, args: readonly string[]): { file: string; args: string[]; user?: Owner };
}

export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/**
 * Decides which user runs PostgreSQL. An ordinary user runs it as itself. Root runs it as the owner of
 * `dataDir`, or as `nobody` if the folder is new or belongs to root.
 *
 * That user may lack access to a parent folder, for example in a clone under /root or in a private temporary
 * folder. PostgreSQL then also gets the capability to bypass file modes (CAP_DAC_OVERRIDE), but no other
 * right of root. If that does not work either, throws an error with instructions.
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
 * Changes the owner of the folder and of everything in it. Files that root has copied belong to root, and
 * PostgreSQL could not write them.
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

// Returns the arguments of `setpriv` that start a program as `owner` with CAP_DAC_OVERRIDE. It is an ambient
// capability, because a program that is not set-uid keeps only those after exec.
//
// CAP_DAC_READ_SEARCH would be enough, but containers do not have it by default. PostgreSQL finds its own
// files with access(2). For a real user other than root, the kernel ignores capabilities there, unless
// no_setuid_fixup is set.
function setprivArgs(owner: Owner): string[] {
  const passing = '+dac_override';
  const user = [`--reuid=${owner.uid}`, `--regid=${owner.gid}`, '--clear-groups'];
  return [...user, '--securebits=+no_setuid_fixup', `--inh-caps=${passing}`, `--ambient-caps=${passing}`];
}

// Returns whether PostgreSQL starts as this user, finds its own files, and can access the folder. This is
// tried, because the file modes alone do not decide it: an access list, a security module or a missing
// capability of a container may prevent it.
//
// A PostgreSQL program that does not find its own files prints a message and its version, and exits with 0.
// The message must therefore be checked too, or initdb would fail later.
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
