import type { CeleryGrant } from '../../core/celery-grant.ts';
import type { Broker, StreamLayout } from '@pointsman/protocol/sinks/sink';
import type { AddressRange } from '../outbound/address-ranges.ts';
import type { SecretKeys } from '../secrets/secret-box.ts';
import {
  appPasswordKnown,
  databaseRoles,
  type DatabaseRoles,
  ownerNeedsApp,
  rolesDiffer,
} from './database-roles.ts';
import { queuesNeedRabbit, RABBIT_SETTINGS, type RabbitConfig, rabbitConfig } from './rabbit-config.ts';
import { readSettings, type Environment } from './read-settings.ts';
import {
  cacheNeedsRedis,
  previousNeedsCurrent,
  grantedBrokersSet,
  identityNeedsExternalRestate,
  oneAdminToken,
  SECRET_KEYS,
  type SecretKeyName,
  restateUrlsTogether,
  externalRestateNeedsWorkerUrl,
} from './rules.ts';
import { hashToken, type LogLevel, settingDefaults, type Settings } from './settings.ts';

export interface ApiConfig extends RabbitConfig {
  readonly host: string;
  /** The port that the API listens on. With 0, the operating system selects a free port. */
  readonly port: number;
  /** The SHA-256 hash of the first admin token, in lower-case hex. */
  readonly adminTokenSha256: string;
  readonly databaseUrl: string;
  readonly restateIngressUrl: string;
  /** The URL of Restate's admin API. If it is null, the server's self-diagnosis does not include Restate. */
  readonly restateAdminUrl: string | null;
  /**
   * The data directory of `npm start`, on whose disks the API checks the free space. It is null if the API was not
   * started by `npm start`.
   */
  readonly dataDir: string | null;
  /** The non-public address ranges to which outgoing calls may connect. */
  readonly outboundAllow: readonly AddressRange[];
  /** The address ranges of the proxies in front of the API. It is undefined if the setting is not set. */
  readonly proxies: readonly AddressRange[] | undefined;
  /** The keys that encrypt secrets. Null means that no key is configured, so hooks and webhooks can't be created. */
  readonly secretKeys: SecretKeys | null;
  /**
   * The brokers to which the worker delivers. The API and the worker derive this list from the same settings. The API
   * only displays it, and does not connect to the brokers.
   */
  readonly brokers: readonly Broker[];
  /** The Celery tasks that policies may use. */
  readonly celeryGrants: readonly CeleryGrant[];
  /** The RabbitMQ queues whose depth is exported as a metric. */
  readonly amqpQueues: readonly string[];
  readonly logLevel: LogLevel;
}

export interface WorkerConfig extends RabbitConfig {
  readonly host: string;
  readonly port: number;
  /** The URL at which Restate calls the worker. */
  readonly workerUrl: string;
  /** The public URL of the API, without a trailing slash. */
  readonly publicUrl: string;
  /**
   * The public key of the Restate server whose calls the worker accepts. If it is null, the worker accepts calls from
   * any client.
   */
  readonly identityKey: string | null;
  readonly databaseUrl: string;
  readonly restateIngressUrl: string;
  readonly restateAdminUrl: string;
  /** The URL of Redis. It is null if Redis is not configured. */
  readonly redisUrl: string | null;
  /** Whether the worker caches pointers and bundles in Redis. */
  readonly redisCache: boolean;
  /** Whether all tenants share a Redis stream, or each tenant has its own. */
  readonly redisStreams: StreamLayout;
  /** The Celery tasks that the worker may send. */
  readonly celeryGrants: readonly CeleryGrant[];
  /** The retention time of audit rows, in milliseconds. */
  readonly auditMs: number;
  /** The non-public address ranges to which outgoing calls may connect. */
  readonly outboundAllow: readonly AddressRange[];
  /** The keys that encrypt secrets. The value is null if no key is configured. Hooks then can't be created. */
  readonly secretKeys: SecretKeys | null;
  readonly logLevel: LogLevel;
}

/**
 * The configuration of `npm start`. If `database` or `restate` is null, `npm start` runs its own PostgreSQL or
 * Restate server.
 */
export interface StackConfig {
  readonly host: string;
  /** The port of the API. With 0, a free port is selected and stored for later starts. */
  readonly port: number;
  /** The public URL of the API. If it is null, the address on which the API listens is used. */
  readonly publicUrl: string | null;
  /** The path of the data directory. A relative path is relative to the working directory. */
  readonly dataDir: string;
  /** The first admin token. If it is null, the token that is stored in the data directory is used. */
  readonly adminToken: string | null;
  /** The keys that encrypt secrets. If the value is null, the key that is stored in the data directory is used. */
  readonly secretKeys: SecretKeys | null;
  readonly database: DatabaseRoles | null;
  readonly restate: { readonly ingressUrl: string; readonly adminUrl: string } | null;
  /** The port of the worker. If it is null, a free port is selected and stored for later starts. */
  readonly workerPort: number | null;
  /** The URL at which Restate calls the worker. If it is null, Restate calls the worker's port on 127.0.0.1. */
  readonly workerUrl: string | null;
  /** The identity key of an external Restate server. It is null if Restate is embedded and has its own key. */
  readonly identityKey: string | null;
  readonly logLevel: LogLevel;
}

/** Reads the settings of `services/api`. Throws ConfigError. */
export function apiConfig(env: Environment): ApiConfig {
  const read = readSettings(
    env,
    [
      'POINTSMAN_HOST',
      'POINTSMAN_PORT',
      'POINTSMAN_HOME',
      'POINTSMAN_ADMIN_TOKEN',
      'POINTSMAN_ADMIN_TOKEN_SHA256',
      'DATABASE_URL',
      'RESTATE_INGRESS_URL',
      'RESTATE_ADMIN_URL',
      'REDIS_URL',
      'POINTSMAN_CELERY_TASKS',
      'POINTSMAN_OUTBOUND_ALLOW',
      'POINTSMAN_PROXIES',
      ...SECRET_KEYS,
      ...RABBIT_SETTINGS,
      'POINTSMAN_AMQP_QUEUES',
      'POINTSMAN_LOG_LEVEL',
    ],
    {
      required: ['DATABASE_URL', 'RESTATE_INGRESS_URL'],
      rules: [oneAdminToken, previousNeedsCurrent, queuesNeedRabbit, grantedBrokersSet],
    },
  );
  return {
    host: read.POINTSMAN_HOST ?? settingDefaults.POINTSMAN_HOST,
    port: read.POINTSMAN_PORT ?? settingDefaults.POINTSMAN_PORT,
    adminTokenSha256: read.POINTSMAN_ADMIN_TOKEN_SHA256 ?? hashToken(read.POINTSMAN_ADMIN_TOKEN as string),
    databaseUrl: read.DATABASE_URL,
    restateIngressUrl: read.RESTATE_INGRESS_URL,
    restateAdminUrl: read.RESTATE_ADMIN_URL ?? null,
    dataDir: read.POINTSMAN_HOME ?? null,
    outboundAllow: read.POINTSMAN_OUTBOUND_ALLOW ?? [],
    proxies: read.POINTSMAN_PROXIES,
    secretKeys: secretKeys(read),
    brokers: [
      ...(read.REDIS_URL === undefined ? [] : ['redis' as const]),
      ...(read.AMQP_URL === undefined ? [] : ['rabbitmq' as const]),
    ],
    ...rabbitConfig(read),
    celeryGrants: read.POINTSMAN_CELERY_TASKS ?? [],
    amqpQueues: read.POINTSMAN_AMQP_QUEUES ?? [],
    logLevel: read.POINTSMAN_LOG_LEVEL ?? settingDefaults.POINTSMAN_LOG_LEVEL,
  };
}

/** Reads the settings of `services/worker`. Throws ConfigError. */
export function workerConfig(env: Environment): WorkerConfig {
  const required = [
    'POINTSMAN_WORKER_PORT',
    'POINTSMAN_WORKER_URL',
    'DATABASE_URL',
    'RESTATE_INGRESS_URL',
    'RESTATE_ADMIN_URL',
  ] as const;
  const names = [
    ...required,
    'POINTSMAN_HOST',
    'POINTSMAN_PORT',
    'POINTSMAN_PUBLIC_URL',
    'POINTSMAN_WORKER_IDENTITY_KEY',
    ...RABBIT_SETTINGS,
    'REDIS_URL',
    'POINTSMAN_REDIS_CACHE',
    'POINTSMAN_REDIS_STREAMS',
    'POINTSMAN_CELERY_TASKS',
    'POINTSMAN_OUTBOUND_ALLOW',
    ...SECRET_KEYS,
    'POINTSMAN_AUDIT_DAYS',
    'POINTSMAN_LOG_LEVEL',
  ] as const;
  const rules = [previousNeedsCurrent, cacheNeedsRedis, grantedBrokersSet];
  const read = readSettings(env, names, { required, rules });
  return {
    host: read.POINTSMAN_HOST ?? settingDefaults.POINTSMAN_HOST,
    port: read.POINTSMAN_WORKER_PORT,
    workerUrl: read.POINTSMAN_WORKER_URL,
    // If the public URL is not set, the API is assumed to run on this machine, on its default host and its configured
    // port.
    publicUrl: withoutSlash(
      read.POINTSMAN_PUBLIC_URL ??
        `http://127.0.0.1:${read.POINTSMAN_PORT || settingDefaults.POINTSMAN_PORT}`,
    ),
    identityKey: read.POINTSMAN_WORKER_IDENTITY_KEY ?? null,
    databaseUrl: read.DATABASE_URL,
    restateIngressUrl: read.RESTATE_INGRESS_URL,
    restateAdminUrl: read.RESTATE_ADMIN_URL,
    ...rabbitConfig(read),
    redisUrl: read.REDIS_URL ?? null,
    redisCache: read.POINTSMAN_REDIS_CACHE ?? settingDefaults.POINTSMAN_REDIS_CACHE,
    redisStreams: read.POINTSMAN_REDIS_STREAMS ?? settingDefaults.POINTSMAN_REDIS_STREAMS,
    celeryGrants: read.POINTSMAN_CELERY_TASKS ?? [],
    auditMs: (read.POINTSMAN_AUDIT_DAYS ?? settingDefaults.POINTSMAN_AUDIT_DAYS) * DAY_MS,
    outboundAllow: read.POINTSMAN_OUTBOUND_ALLOW ?? [],
    secretKeys: secretKeys(read),
    logLevel: read.POINTSMAN_LOG_LEVEL ?? settingDefaults.POINTSMAN_LOG_LEVEL,
  };
}

/** Reads the settings of `services/migrate`. Throws ConfigError. */
export function migrateConfig(env: Environment): DatabaseRoles {
  const names = ['DATABASE_URL', 'DATABASE_OWNER_URL'] as const;
  const read = readSettings(env, names, {
    required: ['DATABASE_URL'],
    rules: [appPasswordKnown, rolesDiffer],
  });
  return databaseRoles(read.DATABASE_URL, read.DATABASE_OWNER_URL);
}

/** Reads the settings of `npm start`. Throws ConfigError. */
export function stackConfig(env: Environment): StackConfig {
  const names = [
    'POINTSMAN_HOST',
    'POINTSMAN_PORT',
    'POINTSMAN_PUBLIC_URL',
    'POINTSMAN_HOME',
    'POINTSMAN_ADMIN_TOKEN',
    'POINTSMAN_WORKER_PORT',
    'POINTSMAN_WORKER_URL',
    'POINTSMAN_WORKER_IDENTITY_KEY',
    'DATABASE_URL',
    'DATABASE_OWNER_URL',
    'RESTATE_INGRESS_URL',
    'RESTATE_ADMIN_URL',
    // `npm start` does not use the following settings itself; its child processes inherit them. They are parsed here
    // so that all errors are reported together.
    ...RABBIT_SETTINGS,
    'POINTSMAN_AMQP_QUEUES',
    'REDIS_URL',
    'POINTSMAN_REDIS_CACHE',
    'POINTSMAN_REDIS_STREAMS',
    'POINTSMAN_CELERY_TASKS',
    'POINTSMAN_OUTBOUND_ALLOW',
    'POINTSMAN_PROXIES',
    ...SECRET_KEYS,
    'POINTSMAN_AUDIT_DAYS',
    'POINTSMAN_LOG_LEVEL',
  ] as const;
  const rules = [
    previousNeedsCurrent,
    queuesNeedRabbit,
    cacheNeedsRedis,
    grantedBrokersSet,
    appPasswordKnown,
    rolesDiffer,
    ownerNeedsApp,
    restateUrlsTogether,
    externalRestateNeedsWorkerUrl,
    identityNeedsExternalRestate,
  ] as const;
  const read = readSettings(env, names, { required: [], rules });
  const { DATABASE_URL: databaseUrl, RESTATE_INGRESS_URL: ingressUrl, RESTATE_ADMIN_URL: adminUrl } = read;
  return {
    host: read.POINTSMAN_HOST ?? settingDefaults.POINTSMAN_HOST,
    port: read.POINTSMAN_PORT ?? settingDefaults.POINTSMAN_PORT,
    publicUrl: read.POINTSMAN_PUBLIC_URL ?? null,
    dataDir: read.POINTSMAN_HOME ?? settingDefaults.POINTSMAN_HOME,
    adminToken: read.POINTSMAN_ADMIN_TOKEN ?? null,
    secretKeys: secretKeys(read),
    database: databaseUrl === undefined ? null : databaseRoles(databaseUrl, read.DATABASE_OWNER_URL),
    restate: ingressUrl === undefined || adminUrl === undefined ? null : { ingressUrl, adminUrl },
    workerPort: read.POINTSMAN_WORKER_PORT ?? null,
    workerUrl: read.POINTSMAN_WORKER_URL ?? null,
    identityKey: read.POINTSMAN_WORKER_IDENTITY_KEY ?? null,
    logLevel: read.POINTSMAN_LOG_LEVEL ?? settingDefaults.POINTSMAN_LOG_LEVEL,
  };
}

const DAY_MS = 86_400_000;

function secretKeys(read: Partial<Pick<Settings, SecretKeyName>>): SecretKeys | null {
  const current = read.POINTSMAN_SECRET_KEY;
  return current === undefined ? null : { current, previous: read.POINTSMAN_SECRET_KEY_PREVIOUS ?? null };
}

function withoutSlash(url: string): string {
  return url.replace(/\/+$/, '');
}
