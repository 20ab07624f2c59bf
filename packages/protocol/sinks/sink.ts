import { z } from 'zod';

import { digestOf } from '../digest.ts';
import { feedLimits } from '../limits.ts';
import { SinkName } from '../identifiers.ts';

/** A webhook belongs to a tenant. Redis and RabbitMQ belong to the platform and serve every tenant. */
export const SinkKind = z.enum(['webhook', 'redis', 'rabbitmq']);
export type SinkKind = z.infer<typeof SinkKind>;

/** The names of the platform's sinks. A webhook cannot have them. */
export const BROKERS = ['redis', 'rabbitmq'] as const;
export type Broker = (typeof BROKERS)[number];

export function isBroker(sink: string): sink is Broker {
  return BROKERS.some((broker) => broker === sink);
}

export const WebhookName = SinkName.refine(
  (name) => !isBroker(name),
  `${BROKERS.map((name) => `"${name}"`).join(' and ')} are reserved for the platform's sinks`,
);

/** A sink of one tenant: its webhook, or its part of a broker. */
export interface SinkId {
  readonly tenant: string;
  readonly sink: string;
}

/** Returns the number of the shared stream that contains the tenant's moves. It never changes. */
export function partitionOf(tenant: string): number {
  return Number.parseInt(digestOf(tenant).slice(-8), 16) % feedLimits.partitions;
}

/**
 * Returns the key of the single writer that delivers to the sink: `acme/audit` for a webhook, `redis:3` for a
 * partition of a shared stream. Names contain no colon, so a webhook's key never equals a stream's.
 */
export function sinkKey({ tenant, sink }: SinkId): string {
  return isBroker(sink) ? `${sink}:${partitionOf(tenant)}` : `${tenant}/${sink}`;
}

/**
 * A key in Redis that holds one tenant's data: `pointsman:{acme}:bundle:…`. The tenant comes first, so that one ACL pattern matches all
 * keys of a tenant. Tenant names contain no brace or colon.
 */
export function tenantKey(tenant: string, rest: string): string {
  return `pointsman:{${tenant}}:${rest}`;
}

/** `shared`: the tenants of a partition share one stream. `per-tenant`: each tenant has its own stream. */
export const StreamLayout = z.enum(['shared', 'per-tenant']);
export type StreamLayout = z.infer<typeof StreamLayout>;

/** The Redis stream of a tenant's moves: `pointsman:moves:3`, or `pointsman:{acme}:moves`. */
export function moveStream(tenant: string, layout: StreamLayout = 'shared'): string {
  return layout === 'shared' ? partitionStream(partitionOf(tenant)) : tenantKey(tenant, 'moves');
}

export function partitionStream(partition: number): string {
  return `pointsman:moves:${partition}`;
}

/**
 * The topic exchange in RabbitMQ. The routing key of a move is, for example, `acme.support-bot.live`; names
 * contain no dots.
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

/** The sinks that a channel's policy requires. */
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
