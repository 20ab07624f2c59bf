import type { Rule } from './read-settings.ts';

/** Rules for several settings. Each returns an error message, or null if the settings are valid. */

export const oneAdminToken: Rule<'POINTSMAN_ADMIN_TOKEN' | 'POINTSMAN_ADMIN_TOKEN_SHA256'> = (
  _read,
  isSet,
) =>
  isSet('POINTSMAN_ADMIN_TOKEN') === isSet('POINTSMAN_ADMIN_TOKEN_SHA256')
    ? 'exactly one of POINTSMAN_ADMIN_TOKEN and POINTSMAN_ADMIN_TOKEN_SHA256 must be set'
    : null;

export const cacheNeedsRedis: Rule<'POINTSMAN_REDIS_CACHE' | 'REDIS_URL'> = (read, isSet) =>
  read.POINTSMAN_REDIS_CACHE === true && !isSet('REDIS_URL')
    ? 'POINTSMAN_REDIS_CACHE is on, so REDIS_URL must be set'
    : null;

export const restateUrlsTogether: Rule<'RESTATE_INGRESS_URL' | 'RESTATE_ADMIN_URL'> = (_read, isSet) =>
  isSet('RESTATE_INGRESS_URL') !== isSet('RESTATE_ADMIN_URL')
    ? 'RESTATE_INGRESS_URL and RESTATE_ADMIN_URL must both be set, or neither'
    : null;

export const externalRestateNeedsWorkerUrl: Rule<'RESTATE_ADMIN_URL' | 'POINTSMAN_WORKER_URL'> = (
  read,
  isSet,
) =>
  read.RESTATE_ADMIN_URL !== undefined &&
  !isLoopback(read.RESTATE_ADMIN_URL) &&
  !isSet('POINTSMAN_WORKER_URL')
    ? 'RESTATE_ADMIN_URL is on another machine: set POINTSMAN_WORKER_URL to the URL at which it reaches this worker'
    : null;

export const identityNeedsExternalRestate: Rule<'RESTATE_ADMIN_URL' | 'POINTSMAN_WORKER_IDENTITY_KEY'> = (
  _read,
  isSet,
) =>
  isSet('POINTSMAN_WORKER_IDENTITY_KEY') && !isSet('RESTATE_ADMIN_URL')
    ? 'POINTSMAN_WORKER_IDENTITY_KEY is for an external Restate: the embedded one has its own key'
    : null;

export const SECRET_KEYS = ['POINTSMAN_SECRET_KEY', 'POINTSMAN_SECRET_KEY_PREVIOUS'] as const;
export type SecretKeyName = (typeof SECRET_KEYS)[number];

export const previousNeedsCurrent: Rule<SecretKeyName> = (_read, isSet) =>
  isSet('POINTSMAN_SECRET_KEY_PREVIOUS') && !isSet('POINTSMAN_SECRET_KEY')
    ? 'POINTSMAN_SECRET_KEY_PREVIOUS is set, so POINTSMAN_SECRET_KEY must also be set'
    : null;

/** The broker of every permitted Celery task must be configured. Otherwise the task could never be sent. */
export const grantedBrokersSet: Rule<'POINTSMAN_CELERY_TASKS' | 'AMQP_URL' | 'REDIS_URL'> = (read, isSet) => {
  const names = new Set(read.POINTSMAN_CELERY_TASKS?.map(({ broker }) => broker));
  const missing = [
    ...(names.has('rabbitmq') && !isSet('AMQP_URL') ? ['AMQP_URL'] : []),
    ...(names.has('redis') && !isSet('REDIS_URL') ? ['REDIS_URL'] : []),
  ];
  return missing.length === 0
    ? null
    : `POINTSMAN_CELERY_TASKS names a broker whose address is not set: set ${missing.join(' and ')}`;
};

function isLoopback(url: string): boolean {
  return /^(?:localhost|127\.[0-9.]+|\[::1\])$/.test(new URL(url).hostname);
}
