import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { open, mkdir, readFile, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { serverLimits } from '../embedded/limits.ts';
import { isProcessOf } from '../embedded/process-identity.ts';
import { giveTo, type PostgresUser } from './embedded-user.ts';

/** The name of the PostgreSQL role that owns the database. */
export const OWNER_ROLE = 'pointsman_owner';

/**
 * Creates a PostgreSQL cluster in `dataDir` if it contains no cluster yet, and returns the password of the
 * owner role. Creating a cluster takes seconds, and the process may be killed in between. The cluster is
 * therefore created under a temporary name, and renamed when it is complete.
 *
 * Throws if a server is already running on `dataDir`. Also throws if `dataDir` exists but is not a cluster;
 * it may contain a user's data, so it is not changed.
 */
export async function prepareCluster(
  initdb: string,
  dataDir: string,
  user: PostgresUser,
  { fsync }: { fsync: boolean },
): Promise<string> {
  await removeHalfMade(dataDir);
  if (!(await exists(dataDir))) await makeCluster(initdb, dataDir, user, { fsync });
  if (!(await exists(join(dataDir, 'PG_VERSION')))) {
    throw new Error(
      `${dataDir} is not a PostgreSQL data folder. Move it away, and a new one will be created.`,
    );
  }
  if (user.owner !== null && (await stat(dataDir)).uid !== user.owner.uid) await giveTo(user.owner, dataDir);
  await removeStaleLock(dataDir);
  return (await readFile(join(dataDir, PASSWORD_FILE), 'utf8')).trim();
}

// The password file is inside the data folder, so that a folder that is moved, copied or restored keeps its
// password. PostgreSQL ignores unknown files there.
const PASSWORD_FILE = 'pointsman.password';

const HALF_MADE = '.half-made-';

async function makeCluster(
  initdb: string,
  dataDir: string,
  user: PostgresUser,
  { fsync }: { fsync: boolean },
): Promise<void> {
  const half = `${dataDir}${HALF_MADE}${process.pid}`;
  const password = randomBytes(32).toString('base64url');
  await mkdir(half, { recursive: true, mode: 0o700 });
  await writeFile(join(half, PASSWORD_FILE), `${password}\n`, { mode: 0o600 });
  if (user.owner !== null) await giveTo(user.owner, half);
  const cluster = join(half, 'data');
  const {
    file,
    args,
    user: become,
  } = user.command(initdb, [
    `--pgdata=${cluster}`,
    `--pwfile=${join(half, PASSWORD_FILE)}`,
    ...initdbArgs,
    ...(fsync ? [] : ['--no-sync']),
  ]);
  const options = { ...become, env: postgresEnv(), timeout: serverLimits.initdbMs, cwd: '/' };
  await promisify(execFile)(file, args, options);
  await rename(join(half, PASSWORD_FILE), join(cluster, PASSWORD_FILE));
  await sync(join(cluster, PASSWORD_FILE));
  await sync(cluster);
  await rename(cluster, dataDir);
  await sync(dirname(dataDir));
  await rm(half, { recursive: true, maxRetries: 5 });
}

const initdbArgs = [
  `--username=${OWNER_ROLE}`,
  '--auth=scram-sha-256',
  '--encoding=UTF8',
  // These options select the built-in Unicode rules of PostgreSQL. The sort order and the character classes
  // thus do not depend on the C library of the machine.
  '--locale=C',
  '--locale-provider=builtin',
  '--builtin-locale=C.UTF-8',
  '--data-checksums',
];

/**
 * Returns the environment for the programs of PostgreSQL. They inherit only PATH, which is needed to find the
 * program `setpriv`. Their messages are in English, because this code parses some of them.
 */
export function postgresEnv(): Record<string, string> {
  return { PATH: process.env.PATH ?? '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' };
}

async function removeHalfMade(dataDir: string): Promise<void> {
  const parent = dirname(dataDir);
  await mkdir(parent, { recursive: true });
  for (const name of await readdir(parent)) {
    if (name.startsWith(basename(dataDir) + HALF_MADE))
      await rm(join(parent, name), { recursive: true, maxRetries: 5 });
  }
}

// Deletes PostgreSQL's lock file if the recorded process does not belong to this folder. PostgreSQL itself
// considers the lock valid if any process of the same user has the recorded ID. After a reboot that is
// likely, and PostgreSQL would not start until the user deletes the file.
async function removeStaleLock(dataDir: string): Promise<void> {
  const lock = join(dataDir, 'postmaster.pid');
  const text = await readFile(lock, 'utf8').catch(() => null);
  if (text === null) return;
  const pid = Number.parseInt(text, 10);
  if (pid > 0 && (await isProcessOf(pid, dataDir))) {
    throw new Error(`a PostgreSQL (process ${pid}) already runs on ${dataDir}`);
  }
  await rm(lock, { force: true });
}

async function sync(path: string): Promise<void> {
  const file = await open(path, 'r');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
