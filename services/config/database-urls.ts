import { createHmac } from 'node:crypto';

/**
 * The role with which the API and the worker log in. It owns no database objects, so an SQL injection can't drop or
 * alter any.
 */
const APP_ROLE = 'pointsman_app';

/**
 * Derives the app role's URL from the owner's URL. The app role's password is an HMAC whose key is the owner's
 * password. The operator therefore configures only one password. The owner's password can't be computed from the
 * HMAC. Returns null if the owner's URL contains no password.
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
