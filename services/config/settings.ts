import { createHash } from 'node:crypto';
import { z } from 'zod';

import { StreamLayout } from '@pointsman/protocol/sinks/sink';
import { retentionLimits } from '../../core/limits/storage-limits.ts';
import { depthLimits } from '../rabbitmq/limits.ts';
import { parseAddressRange } from '../outbound/address-ranges.ts';
import { celeryGrants } from './celery-config.ts';

/** The default values of settings. A setting that is not listed here has no default. */
export const settingDefaults = {
  // The default is the loopback address. Any other address exposes the API to the network, which only the operator
  // should decide.
  POINTSMAN_HOST: '127.0.0.1',
  POINTSMAN_PORT: 7400,
  POINTSMAN_HOME: '.pointsman',
  // The default is `mandatory`, because the publisher then detects that a move was not routed to any queue.
  POINTSMAN_AMQP_UNROUTED: 'mandatory',
  POINTSMAN_REDIS_STREAMS: 'shared',
  POINTSMAN_REDIS_CACHE: false,
  POINTSMAN_AUDIT_DAYS: retentionLimits.auditDays,
  POINTSMAN_LOG_LEVEL: 'info',
} as const;

/**
 * All settings of all processes. The key is the name of the environment variable. The value is its parser, with the
 * description for docs/reference/settings.md. `config.ts` defines which process reads which settings, and which
 * settings depend on each other. Error messages must not contain the value of a setting, because it may be a secret.
 */
export const settings = z.object({
  POINTSMAN_HOST: z
    .union([z.ipv4(), z.ipv6(), z.literal('localhost')], 'must be an IP address')
    .describe(
      'The IP address that the API listens on. A worker that is a separate service listens on it too.',
    ),
  POINTSMAN_PORT: port(0).describe("The API's port. 0 takes any free port."),
  POINTSMAN_PUBLIC_URL: url(['http:', 'https:'])
    .refine(
      (text) => !URL.canParse(text) || /^[^?#@]*$/.test(text),
      'must be a URL without a user, a query or a fragment',
    )
    .describe(
      'The URL at which remote compilers and checks reach the API. Callback addresses begin with it. Without it, the address of the API on this machine.',
    ),
  POINTSMAN_HOME: z
    .string()
    .describe(
      'The directory in which `npm start` keeps its data. `npm start` passes it to the API, which examines its disks; an API that runs elsewhere has no default.',
    ),
  POINTSMAN_ADMIN_TOKEN: z
    .string()
    .regex(/^[\x21-\x7e]{16,256}$/, 'must be 16 to 256 visible characters without spaces')
    .describe(
      'The token of the first admin, which creates the other tokens. Without it, `npm start` creates one and stores it in its data directory.',
    ),
  POINTSMAN_ADMIN_TOKEN_SHA256: z
    .string()
    .regex(/^[0-9a-f]{64}$/, 'must be 64 lower-case hex digits')
    .describe('The SHA-256 of the admin token in hex, as an alternative to the token itself.'),
  POINTSMAN_WORKER_PORT: port(1).describe('The port that the worker listens on.'),
  POINTSMAN_WORKER_URL: url(['http:', 'https:']).describe('The URL at which Restate reaches the worker.'),
  POINTSMAN_WORKER_IDENTITY_KEY: z
    .string()
    .regex(
      /^publickeyv1_[1-9A-HJ-NP-Za-km-z]{32,44}$/,
      'must be publickeyv1_ and the base58 of an ed25519 public key',
    )
    .describe(
      'The public key of the Restate server, as that server logs it at its start. The worker then refuses calls from any other sender.',
    ),
  POINTSMAN_SECRET_KEY: secretKey().describe(
    'The key that encrypts the secrets of hooks and webhooks: 32 bytes in base64. Without it, secrets cannot be stored. `npm start` creates one.',
  ),
  POINTSMAN_SECRET_KEY_PREVIOUS: secretKey().describe(
    'The previous key, which is needed until all secrets are encrypted with the current one.',
  ),
  DATABASE_URL: url(['postgres:', 'postgresql:']).describe(
    'PostgreSQL, with the role of the processes. With `npm start`, it replaces the embedded PostgreSQL.',
  ),
  DATABASE_OWNER_URL: url(['postgres:', 'postgresql:']).describe(
    'PostgreSQL, with the role that owns the schema. Only migrations use it.',
  ),
  RESTATE_INGRESS_URL: url(['http:', 'https:']).describe('The ingress of Restate.'),
  RESTATE_ADMIN_URL: url(['http:', 'https:']).describe(
    "Restate's admin API. Without it, the API can't examine Restate for `pointsman doctor`.",
  ),
  AMQP_URL: url(['amqp:', 'amqps:']).describe(
    'RabbitMQ: the sink `rabbitmq` of every tenant, and a broker for Celery.',
  ),
  POINTSMAN_AMQP_UNROUTED: z
    .enum(['mandatory', 'alternate'], 'must be mandatory or alternate')
    .describe(
      'What happens to a move without a matching queue in RabbitMQ: it is returned to the worker (`mandatory`), or put into a separate queue (`alternate`).',
    ),
  POINTSMAN_AMQP_QUEUES: z
    .string()
    .transform((text) => text.split(',').map((queue) => queue.trim()))
    .refine(
      (queues) =>
        queues.length <= depthLimits.queues && queues.every((queue) => /^[\w.:-]{1,255}$/.test(queue)),
      `must be at most ${depthLimits.queues} queue names separated by commas, of letters, digits and "_.:-"`,
    )
    .describe('RabbitMQ queues whose length the API exports as a metric, separated by commas.'),
  REDIS_URL: url(['redis:', 'rediss:'])
    .refine(
      (text) => URL.canParse(text) && /^\/?[0-9]{0,4}$/.test(new URL(text).pathname),
      'may have only a database number after the host',
    )
    .describe('Redis: the sink `redis` of every tenant, and a broker for Celery.'),
  POINTSMAN_CELERY_TASKS: celeryGrants().describe(
    'A JSON list of the Celery tasks that tenants may send, and of their queues. Without it, no task is allowed.',
  ),
  POINTSMAN_REDIS_STREAMS: z
    .enum(StreamLayout.options, 'must be shared or per-tenant')
    .describe(
      'Whether tenants share the streams of moves in Redis. A reader of a shared stream sees the moves of all its tenants.',
    ),
  POINTSMAN_REDIS_CACHE: z
    .enum(['on', 'off'], 'must be on or off')
    .transform((value) => value === 'on')
    .describe('Whether Redis also stores the pointers and their bundles, for runtimes that read only Redis.'),
  POINTSMAN_OUTBOUND_ALLOW: addressRanges().describe(
    'Address ranges that outgoing calls may reach although they are not public, separated by commas.',
  ),
  POINTSMAN_PROXIES: addressRanges().describe(
    'Address ranges of load balancers and proxies in front of the API, separated by commas. The limits per address do not apply to their connections.',
  ),
  POINTSMAN_AUDIT_DAYS: auditDays().describe('How many days the worker keeps audit rows.'),
  POINTSMAN_LOG_LEVEL: z
    .enum(
      ['trace', 'debug', 'info', 'warn', 'error', 'fatal'],
      'must be trace, debug, info, warn, error or fatal',
    )
    .describe('The lowest level that is logged.'),
});

export type Settings = z.infer<typeof settings>;
export type SettingName = keyof Settings;
export type LogLevel = Settings['POINTSMAN_LOG_LEVEL'];

/**
 * Returns the hash that is stored for a token. A fast hash is sufficient, because tokens are random and can't be
 * guessed.
 */
export function hashToken(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}

function port(lowest: 0 | 1) {
  const message = `must be a port, ${lowest} to 65535`;
  return z
    .string()
    .regex(/^[0-9]{1,5}$/, message)
    .transform(Number)
    .pipe(z.number().min(lowest, message).max(65_535, message));
}

function auditDays() {
  const { shortestAuditDays: shortest, longestAuditDays: longest } = retentionLimits;
  const message = `must be a whole number of days, ${shortest} to ${longest}`;
  return z
    .string()
    .regex(/^[0-9]{1,5}$/, message)
    .transform(Number)
    .pipe(z.number().min(shortest, message).max(longest, message));
}

function url(protocols: readonly string[]) {
  const message = `must be a URL that begins with ${protocols.map((protocol) => `${protocol}//`).join(' or ')}`;
  return z.string().refine((text) => {
    const parsed = URL.canParse(text) ? new URL(text) : null;
    return parsed !== null && protocols.includes(parsed.protocol) && parsed.hostname !== '';
  }, message);
}

function secretKey() {
  const message = 'must be 32 bytes in base64, for example the output of "openssl rand -base64 32"';
  return z
    .string()
    .regex(/^[A-Za-z0-9+/]{43}=$/, message)
    .transform((text) => Buffer.from(text, 'base64'));
}

function addressRanges() {
  return z.string().transform((text, ctx) => {
    const ranges = text.split(',').map((range) => parseAddressRange(range.trim()));
    const wrong = ranges.flatMap((range, index) => (range === null ? [index + 1] : []));
    if (wrong.length === 0) return ranges.filter((range) => range !== null);
    ctx.addIssue({
      code: 'custom',
      message:
        'must be address ranges separated by commas, such as 10.0.0.0/8,fd00::/8, without bits after the prefix; ' +
        `invalid: number ${wrong.join(', ')}`,
    });
    return z.NEVER;
  });
}
