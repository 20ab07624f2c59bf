import { createHash } from 'node:crypto';
import { z } from 'zod';

import { StreamLayout } from '../../core/sink.ts';
import { retentionLimits } from '../../core/storage-limits.ts';
import { parseAddressRange } from '../outbound/address-ranges.ts';
import { depthLimits } from '../rabbitmq/limits.ts';
import { celeryGrants } from './celery-config.ts';

/**
 * Every setting of every process, by the name of its environment variable, with how it is read. What a process takes from
 * this table, and what must agree with what, stands in `config.ts`. Messages never repeat a value: it may be a secret.
 */
export const settings = z.object({
  /** Where the API listens; in a container of its own, where the worker listens. */
  POINTSMAN_HOST: z.union([z.ipv4(), z.ipv6(), z.literal('localhost')], 'must be an IP address'),
  /** The API's port. 0 takes any that is free. */
  POINTSMAN_PORT: port(0),
  /** Where compilers and checks reach the API, for the addresses that they are given. */
  POINTSMAN_PUBLIC_URL: url(['http:', 'https:']).refine(
    (text) => !URL.canParse(text) || /^[^?#@]*$/.test(text),
    'must be a URL without a user, a query or a fragment',
  ),
  /** Where `npm start` keeps its data. */
  POINTSMAN_HOME: z.string(),
  /** The token that may do everything, to make the first others with. */
  POINTSMAN_ADMIN_TOKEN: z
    .string()
    .regex(/^[\x21-\x7e]{16,256}$/, 'must be 16 to 256 visible characters without spaces'),
  /** Instead of the token itself, so that the API need not know it. */
  POINTSMAN_ADMIN_TOKEN_SHA256: z.string().regex(/^[0-9a-f]{64}$/, 'must be 64 lower-case hex digits'),
  POINTSMAN_WORKER_PORT: port(1),
  /** Where Restate reaches the worker. */
  POINTSMAN_WORKER_URL: url(['http:', 'https:']),
  /** The public key of the one Restate whose calls the worker takes, as that server logs it at its start. */
  POINTSMAN_WORKER_IDENTITY_KEY: z
    .string()
    .regex(
      /^publickeyv1_[1-9A-HJ-NP-Za-km-z]{32,44}$/,
      'must be publickeyv1_ and the base58 of an ed25519 public key',
    ),
  /** With what the secrets and tokens of hooks are kept. */
  POINTSMAN_SECRET_KEY: secretKey(),
  /** With what they were kept before it was changed. */
  POINTSMAN_SECRET_KEY_PREVIOUS: secretKey(),
  /** The database, as the role that the processes log in as. */
  DATABASE_URL: url(['postgres:', 'postgresql:']),
  /** The database, as the role that owns the tables: migrations only. */
  DATABASE_OWNER_URL: url(['postgres:', 'postgresql:']),
  RESTATE_INGRESS_URL: url(['http:', 'https:']),
  RESTATE_ADMIN_URL: url(['http:', 'https:']),
  /** Celery's queues and the exchange of moves, in RabbitMQ … */
  AMQP_URL: url(['amqp:', 'amqps:']),
  /** What becomes of a move that no queue in RabbitMQ is bound for: it comes back to us, or goes into a queue of its own. */
  POINTSMAN_AMQP_UNROUTED: z.enum(['mandatory', 'alternate'], 'must be mandatory or alternate'),
  /** Queues in RabbitMQ whose length is among the API's metrics. */
  POINTSMAN_AMQP_QUEUES: z
    .string()
    .transform((text) => text.split(',').map((queue) => queue.trim()))
    .refine(
      (queues) =>
        queues.length <= depthLimits.queues && queues.every((queue) => /^[\w.:-]{1,255}$/.test(queue)),
      `must be at most ${depthLimits.queues} names of queues with commas between them, of letters, digits and "_.:-"`,
    ),
  /** … and in Redis. */
  REDIS_URL: url(['redis:', 'rediss:']).refine(
    (text) => URL.canParse(text) && /^\/?[0-9]{0,4}$/.test(new URL(text).pathname),
    'must have nothing but the number of a database after the host',
  ),
  /** Which Celery tasks tenants may have sent, and to which queues. */
  POINTSMAN_CELERY_TASKS: celeryGrants(),
  /** Whether tenants share the streams of moves in Redis: whoever reads a shared one sees the moves of all its tenants. */
  POINTSMAN_REDIS_STREAMS: z.enum(StreamLayout.options, 'must be shared or per-tenant'),
  /** Whether Redis also has the pointers and their bundles, for runtimes that read nothing else. */
  POINTSMAN_REDIS_CACHE: z.enum(['on', 'off'], 'must be on or off').transform((word) => word === 'on'),
  /** What outgoing calls may reach although it is not public. */
  POINTSMAN_OUTBOUND_ALLOW: addressRanges(),
  /** Balancers and proxies in front of the API: their connections have no share by address. */
  POINTSMAN_PROXIES: addressRanges(),
  /** How many days audit rows are kept. */
  POINTSMAN_AUDIT_DAYS: auditDays(),
  POINTSMAN_LOG_LEVEL: z.enum(
    ['trace', 'debug', 'info', 'warn', 'error', 'fatal'],
    'must be trace, debug, info, warn, error or fatal',
  ),
});

export type Settings = z.infer<typeof settings>;
export type SettingName = keyof Settings;
export type LogLevel = Settings['POINTSMAN_LOG_LEVEL'];

/** What the API keeps of an admin token: a random token needs no slow hash. */
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
  const message = 'must be 32 bytes in base64, such as "openssl rand -base64 32" prints';
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
        'must be address ranges with commas between them, such as 10.0.0.0/8,fd00::/8, without bits after the prefix; ' +
        `wrong: number ${wrong.join(', ')}`,
    });
    return z.NEVER;
  });
}
