import { createHmac } from 'node:crypto';

/** The login role of the processes. It owns no objects, so that an SQL injection can't drop or disable any. */
const APP_ROLE = 'pointsman_app';

/**
 * Derives the app role's URL from the owner's URL. The app role's password is an HMAC with the owner's password as the
 * key, so that there is one secret to store. The owner's password can't be derived from the HMAC. Null when the owner's
 * URL contains no password.
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
