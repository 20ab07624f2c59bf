import { accessSync, constants } from 'node:fs';

/**
 * The servers that npm does not provide, by the name of their Debian package. The file of each entry exists only if
 * its package is installed. The path of Python is fixed, because another Python that comes first in PATH does not
 * find Debian's Python packages.
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

/** The packages that are not installed on this machine. */
export function missingPackages(
  wanted: readonly SystemPackage[] = Object.keys(FILES) as SystemPackage[],
): SystemPackage[] {
  return wanted.filter((name) => !isThere(FILES[name]));
}

/** The message for a user whose machine lacks packages that the tests need. */
export function missingNotice(what: string, missing: readonly SystemPackage[]): string {
  const names = missing.join(' ');
  return `${what}: not proven, for want of ${names}: apt-get install -y --no-install-recommends ${names}`;
}

/**
 * Whether to skip the suite because its servers are not installed; it then prints a notice. In CI, where every test must run, it throws,
 * which fails the file.
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
