import { createHmac } from 'node:crypto';

/** The role that the processes log in as. It owns nothing, so that a hole in a query can't drop or disable anything. */
const APP_ROLE = 'pointsman_app';

/**
 * The app role's address in the owner's database. Its password follows from the owner's, so that there is one secret to
 * keep, and knowing it gives nothing of the owner's. Null when the owner's address holds no password to derive it from.
 */
export function appDatabaseUrl(ownerUrl: string): string | null {
  const url = new URL(ownerUrl);
  if (url.password === '') return null;
  const database = decodeURIComponent(url.pathname.slice(1));
  url.password = createHmac('sha256', decodeURIComponent(url.password))
    .update(`${APP_ROLE}@${database}`)
    .digest('base64url');
  url.username = APP_ROLE;
  return url.href;
}
