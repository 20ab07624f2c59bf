import { z } from 'zod';

import { digestOf } from '../digest.ts';
import { feedLimits } from '../limits.ts';
import { SinkName } from '../identifiers.ts';

/**
 * The kinds of sinks. A sink is a system to which moves are delivered. A webhook belongs to one tenant. Redis
 * and RabbitMQ belong to the operator of the platform and receive the moves of every tenant.
 */
export const SinkKind = z.enum(['webhook', 'redis', 'rabbitmq']);
export type SinkKind = z.infer<typeof SinkKind>;

/** The names of the sinks of the platform. A webhook can't have one of these names. */
export const BROKERS = ['redis', 'rabbitmq'] as const;
export type Broker = (typeof BROKERS)[number];

export function isBroker(sink: string): sink is Broker {
  return BROKERS.some((broker) => broker === sink);
}

export const WebhookName = SinkName.refine(
  (name) => !isBroker(name),
  `${BROKERS.map((name) => `"${name}"`).join(' and ')} are reserved for the platform's sinks`,
);

/** A sink of one tenant: a webhook, or a broker of the platform as far as it concerns this tenant. */
export interface SinkId {
  readonly tenant: string;
  readonly sink: string;
}

/**
 * Returns the number of the shared stream that contains the moves of the tenant. It never changes for a
 * tenant.
 */
export function partitionOf(tenant: string): number {
  return Number.parseInt(digestOf(tenant).slice(-8), 16) % feedLimits.partitions;
}

/**
 * Returns the key of the Restate object that delivers to the sink: `acme/audit` for a webhook, or `redis:3`
 * for a partition of a shared stream. Names contain no colon, so the two kinds of keys are never equal.
 */
export function sinkKey({ tenant, sink }: SinkId): string {
  return isBroker(sink) ? `${sink}:${partitionOf(tenant)}` : `${tenant}/${sink}`;
}

/**
 * Returns a Redis key for data of one tenant, for example `pointsman:{acme}:bundle:…`. The tenant comes
 * first, so that one ACL pattern matches all keys of the tenant. The names of tenants contain no braces and
 * no colons.
 */
export function tenantKey(tenant: string, rest: string): string {
  return `pointsman:{${tenant}}:${rest}`;
}

/**
 * How moves are distributed to Redis streams. `shared`: the tenants of a partition share one stream.
 * `per-tenant`: each tenant has its own stream.
 */
export const StreamLayout = z.enum(['shared', 'per-tenant']);
export type StreamLayout = z.infer<typeof StreamLayout>;

/**
 * Returns the name of the Redis stream that contains the moves of the tenant: `pointsman:moves:3` or
 * `pointsman:{acme}:moves`.
 */
export function moveStream(tenant: string, layout: StreamLayout = 'shared'): string {
  return layout === 'shared' ? partitionStream(partitionOf(tenant)) : tenantKey(tenant, 'moves');
}

export function partitionStream(partition: number): string {
  return `pointsman:moves:${partition}`;
}

/**
 * The name of the topic exchange in RabbitMQ. The routing key of a move is, for example,
 * `acme.support-bot.live`. Names contain no dots.
 */
export const MOVE_EXCHANGE = 'pointsman.moves';

export function moveRoutingKey({
  tenant,
  bundle,
  channel,
}: {
  tenant: string;
  bundle: string;
  channel: string;
}): string {
  return `${tenant}.${bundle}.${channel}`;
}

/** The part of a policy that lists the sinks which must be healthy before the channel's pointer moves. */
export const SinkRule = z
  .strictObject({
    required: z
      .array(SinkName)
      .min(1)
      .max(10)
      .refine((names) => new Set(names).size === names.length, 'lists a sink twice')
      .meta({ description: 'Names of webhooks, and "redis" or "rabbitmq".' }),
    whenDown: z.enum(['continue', 'freeze']).default('continue').meta({
      description: 'What a release does while one of them is down: continue, or wait before its swap.',
    }),
  })
  .meta({
    id: 'SinkRule',
    description:
      'Sinks that must receive every move. `continue`: releases settle, and missed moves are delivered later, in order. `freeze`: the pointer does not move while one of them is down, to avoid a split of the fleet.',
    example: { required: ['redis'], whenDown: 'freeze' },
  });
export type SinkRule = z.infer<typeof SinkRule>;
