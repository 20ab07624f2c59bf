import { z } from 'zod';

import { digestOf } from './digest.ts';
import { feedLimits } from './limits/distribution-limits.ts';
import { SinkName } from './identifiers.ts';

/** A webhook is a tenant's; Redis and RabbitMQ are the platform's, there for every tenant. */
export const SinkKind = z.enum(['webhook', 'redis', 'rabbitmq']);
export type SinkKind = z.infer<typeof SinkKind>;

/** The platform's sinks go by these names, which no webhook may have. */
export const BROKERS = ['redis', 'rabbitmq'] as const;
export type Broker = (typeof BROKERS)[number];

export function isBroker(sink: string): sink is Broker {
  return BROKERS.some((broker) => broker === sink);
}

export const WebhookName = SinkName.refine(
  (name) => !isBroker(name),
  `${BROKERS.map((name) => `"${name}"`).join(' and ')} are the platform's own`,
);

/** A sink as one tenant sees it: its own webhook, or its part of a broker. */
export interface SinkId {
  readonly tenant: string;
  readonly sink: string;
}

/** Which of the shared streams a tenant's moves are in: always the same. */
export function partitionOf(tenant: string): number {
  return Number.parseInt(digestOf(tenant).slice(-8), 16) % feedLimits.partitions;
}

/**
 * The key of the one writer that delivers to it: `acme/audit` for a webhook, `redis:3` for a partition of a shared stream. No name has a
 * colon in it, so that no tenant's webhook is ever taken for a stream.
 */
export function sinkKey({ tenant, sink }: SinkId): string {
  return isBroker(sink) ? `${sink}:${partitionOf(tenant)}` : `${tenant}/${sink}`;
}

/**
 * A key in Redis that holds one tenant's data: `pointsman:{acme}:bundle:…`. The tenant stands in front of everything else, so that an ACL can name
 * all keys of a tenant by one pattern; no tenant's name has a brace or a colon in it.
 */
export function tenantKey(tenant: string, rest: string): string {
  return `pointsman:{${tenant}}:${rest}`;
}

/** `shared`: the tenants of a partition share one stream. `per-tenant`: each tenant has a stream of its own. */
export const StreamLayout = z.enum(['shared', 'per-tenant']);
export type StreamLayout = z.infer<typeof StreamLayout>;

/** The Redis stream that a tenant's moves are in: `pointsman:moves:3`, or `pointsman:{acme}:moves`. */
export function moveStream(tenant: string, layout: StreamLayout = 'shared'): string {
  return layout === 'shared' ? partitionStream(partitionOf(tenant)) : tenantKey(tenant, 'moves');
}

export function partitionStream(partition: number): string {
  return `pointsman:moves:${partition}`;
}

/** The topic exchange of RabbitMQ, and what a move is routed by: `acme.support-bot.live`. No name has a dot in it. */
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

/** What a channel's policy asks of sinks. */
export const SinkRule = z
  .strictObject({
    required: z
      .array(SinkName)
      .min(1)
      .max(10)
      .refine((names) => new Set(names).size === names.length, 'names a sink twice')
      .meta({ description: 'Names of webhooks, and "redis" or "rabbitmq".' }),
    whenDown: z.enum(['continue', 'freeze']).default('continue').meta({
      description: 'What a release does while one of them is down: go on, or wait before its swap.',
    }),
  })
  .meta({
    id: 'SinkRule',
    description:
      'Sinks that must receive every move. `continue`: releases settle, and missed moves are delivered later, in order. `freeze`: the pointer does not move while one of them is down, to avoid a split of the fleet.',
    example: { required: ['redis'], whenDown: 'freeze' },
  });
export type SinkRule = z.infer<typeof SinkRule>;
