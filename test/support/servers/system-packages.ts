import { accessSync, constants } from 'node:fs';

/**
 * What is not on npm, by the Debian package that brings it, with a file of each that tells whether it is there. Debian's Python is named by
 * its path: another one that comes first in PATH knows nothing of Debian's packages.
 */
const FILES = {
  'redis-server': '/usr/bin/redis-server',
  'rabbitmq-server': '/usr/lib/rabbitmq/bin/rabbitmq-server',
  'python3-celery': '/usr/lib/python3/dist-packages/celery/__init__.py',
  'python3-redis': '/usr/lib/python3/dist-packages/redis/__init__.py',
} as const;

export type SystemPackage = keyof typeof FILES;

export const REDIS_SERVER = FILES['redis-server'];
export const RABBITMQ_SERVER = FILES['rabbitmq-server'];
export const RABBITMQCTL = '/usr/lib/rabbitmq/bin/rabbitmqctl';
export const SYSTEM_PYTHON = '/usr/bin/python3';

/** Those that are not on this machine. */
export function missingPackages(
  wanted: readonly SystemPackage[] = Object.keys(FILES) as SystemPackage[],
): SystemPackage[] {
  return wanted.filter((name) => !isThere(FILES[name]));
}

/** What to tell whoever misses what needs them. */
export function missingNotice(what: string, missing: readonly SystemPackage[]): string {
  const names = missing.join(' ');
  return `${what}: not proven, for want of ${names}: apt-get install -y --no-install-recommends ${names}`;
}

/**
 * Whether the suite must be left out because its servers can't be had. Loud about it; where everything has to be proven, in CI, it throws
 * instead, which fails the file.
 */
export function skipWithout(what: string, wanted: readonly SystemPackage[]): boolean {
  const missing = missingPackages(wanted);
  if (missing.length === 0) return false;
  const notice = missingNotice(what, missing);
  if (process.env['CI'] !== undefined) throw new Error(notice);
  console.warn(`SKIPPED: ${notice}`);
  return true;
}

function isThere(file: string): boolean {
  try {
    accessSync(file, constants.R_OK);
    return true;
  } catch {
    return false;
  }
}
