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
  /** The port of the API. 0 selects any free port. */
  readonly port: number;
  /** The SHA-256 of the bootstrap token, in lower-case hex. */
  readonly adminTokenSha256: string;
  readonly databaseUrl: string;
  readonly restateIngressUrl: string;
  /** If null, the diagnosis of the server does not include Restate. */
  readonly restateAdminUrl: string | null;
  /** The data directory of `npm start`, whose disks the API examines; null elsewhere. */
  readonly dataDir: string | null;
  /** Non-public address ranges to which outgoing calls may connect. */
  readonly outboundAllow: readonly AddressRange[];
  /** Load balancers and proxies in front of the API. Undefined if the operator lists none. */
  readonly proxies: readonly AddressRange[] | undefined;
  /** Null without a configured key. Hooks and webhooks can't be set then. */
  readonly secretKeys: SecretKeys | null;
  /**
   * The brokers to which the worker delivers, derived from the same settings as in the worker. The API lists them, but
   * does not connect to them.
   */
  readonly brokers: readonly Broker[];
  /** The Celery tasks that a policy may use. */
  readonly celeryGrants: readonly CeleryGrant[];
  /** RabbitMQ queues whose depth is exported as a metric. */
  readonly amqpQueues: readonly string[];
  readonly logLevel: LogLevel;
}

export interface WorkerConfig extends RabbitConfig {
  readonly host: string;
  readonly port: number;
  /** The URL at which Restate reaches the worker. */
  readonly workerUrl: string;
  /** The public URL of the API, without a trailing slash. */
  readonly publicUrl: string;
  /** The public key of the one Restate server whose calls are accepted. If null, every caller is accepted. */
  readonly identityKey: string | null;
  readonly databaseUrl: string;
  readonly restateIngressUrl: string;
  readonly restateAdminUrl: string;
  /** Null if Redis is not configured. */
  readonly redisUrl: string | null;
  /** Whether Redis caches pointers and bundles. */
  readonly redisCache: boolean;
  /** Whether tenants share streams in Redis. */
  readonly redisStreams: StreamLayout;
  /** The Celery tasks that the worker may send. */
  readonly celeryGrants: readonly CeleryGrant[];
  /** How long audit rows are kept, in milliseconds. */
  readonly auditMs: number;
  /** Non-public address ranges to which outgoing calls may connect. */
  readonly outboundAllow: readonly AddressRange[];
  /** Null without a configured key. Hooks can't be set then. */
  readonly secretKeys: SecretKeys | null;
  readonly logLevel: LogLevel;
}

/** The configuration of `npm start`. Servers whose setting is null are embedded. */
export interface StackConfig {
  readonly host: string;
  /** 0 selects any free port, which is then stored. */
  readonly port: number;
  /** If null, the API's own address is used. */
  readonly publicUrl: string | null;
  /** The data directory as configured, relative to the working directory. */
  readonly dataDir: string;
  /** If null, the token in the data directory is used. */
  readonly adminToken: string | null;
  /** If null, the key in the data directory is used. */
  readonly secretKeys: SecretKeys | null;
  readonly database: DatabaseRoles | null;
  readonly restate: { readonly ingressUrl: string; readonly adminUrl: string } | null;
  /** If null, a free port is selected and stored. */
  readonly workerPort: number | null;
  /** If null, the worker's port on 127.0.0.1 is used. */
  readonly workerUrl: string | null;
  /** The identity key of an external Restate. Null with the embedded one, which has its own key. */
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
    // The default URL has the API's default host and its configured port on this machine.
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
    // The child processes inherit and use these settings. They are validated here so that all errors are reported
    // together.
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
