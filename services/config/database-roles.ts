import { appDatabaseUrl } from './database-urls.ts';
import type { Rule } from './read-settings.ts';

/**
 * The database URLs for two roles. The owner owns the tables and migrates them. The API and the worker log in with
 * the app role.
 */
export interface DatabaseRoles {
  readonly ownerUrl: string;
  readonly appUrl: string;
}

/**
 * Returns the URLs of both roles. If `ownerUrl` is not set, `databaseUrl` is the owner's URL, and the app role's URL
 * is derived from it.
 */
export function databaseRoles(databaseUrl: string, ownerUrl: string | undefined): DatabaseRoles {
  if (ownerUrl !== undefined) return { ownerUrl, appUrl: databaseUrl };
  return { ownerUrl: databaseUrl, appUrl: appDatabaseUrl(databaseUrl) as string };
}

export const appPasswordKnown: Rule<'DATABASE_URL' | 'DATABASE_OWNER_URL'> = (read, isSet) =>
  read.DATABASE_URL !== undefined &&
  !isSet('DATABASE_OWNER_URL') &&
  appDatabaseUrl(read.DATABASE_URL) === null
    ? "DATABASE_URL is the owner's URL, because DATABASE_OWNER_URL is not set. It must contain a password, from which " +
      "the app role's password is derived: add one, or set DATABASE_OWNER_URL"
    : null;

export const rolesDiffer: Rule<'DATABASE_URL' | 'DATABASE_OWNER_URL'> = ({
  DATABASE_URL,
  DATABASE_OWNER_URL,
}) =>
  DATABASE_URL !== undefined &&
  DATABASE_OWNER_URL !== undefined &&
  new URL(DATABASE_URL).username === new URL(DATABASE_OWNER_URL).username
    ? 'DATABASE_URL and DATABASE_OWNER_URL must use two different roles; set only DATABASE_URL to create the second one automatically'
    : null;

export const ownerNeedsApp: Rule<'DATABASE_URL' | 'DATABASE_OWNER_URL'> = (_read, isSet) =>
  isSet('DATABASE_OWNER_URL') && !isSet('DATABASE_URL')
    ? 'DATABASE_OWNER_URL is set, so DATABASE_URL must also be set'
    : null;
