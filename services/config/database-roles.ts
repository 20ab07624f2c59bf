import { appDatabaseUrl } from './database-urls.ts';
import type { Rule } from './read-settings.ts';

/** The database as the owner of the tables and as the role that the processes log in as. */
export interface DatabaseRoles {
  readonly ownerUrl: string;
  readonly appUrl: string;
}

/** As they were given; the app's role follows from the owner's where only that is. */
export function databaseRoles(databaseUrl: string, ownerUrl: string | undefined): DatabaseRoles {
  if (ownerUrl !== undefined) return { ownerUrl, appUrl: databaseUrl };
  return { ownerUrl: databaseUrl, appUrl: appDatabaseUrl(databaseUrl) as string };
}

export const appPasswordKnown: Rule<'DATABASE_URL' | 'DATABASE_OWNER_URL'> = (read, isSet) =>
  read.DATABASE_URL !== undefined &&
  !isSet('DATABASE_OWNER_URL') &&
  appDatabaseUrl(read.DATABASE_URL) === null
    ? "DATABASE_URL alone is the owner's, from whose password the app role's is derived, and it holds no password: " +
      'add one, or set DATABASE_OWNER_URL as well'
    : null;

export const twoRoles: Rule<'DATABASE_URL' | 'DATABASE_OWNER_URL'> = ({
  DATABASE_URL,
  DATABASE_OWNER_URL,
}) =>
  DATABASE_URL !== undefined &&
  DATABASE_OWNER_URL !== undefined &&
  new URL(DATABASE_URL).username === new URL(DATABASE_OWNER_URL).username
    ? 'DATABASE_URL and DATABASE_OWNER_URL must name two roles; set only DATABASE_URL to have the second one made'
    : null;

export const ownerNeedsApp: Rule<'DATABASE_URL' | 'DATABASE_OWNER_URL'> = (_read, isSet) =>
  isSet('DATABASE_OWNER_URL') && !isSet('DATABASE_URL')
    ? 'DATABASE_OWNER_URL is set, so that DATABASE_URL must be, too'
    : null;
