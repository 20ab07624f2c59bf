import { z } from 'zod';

import { digestOf } from './digest.ts';
import { feedLimits } from './distribution-limits.ts';
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

/** The Redis stream that a tenant's moves are in: `pointsman:moves:3`. */
export function moveStream(tenant: string): string {
  return partitionStream(partitionOf(tenant));
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
      .refine((names) => new Set(names).size === names.length, 'names a sink twice'),
    whenDown: z.enum(['continue', 'freeze']).default('continue'),
  })
  .meta({
    id: 'SinkRule',
    description:
      'Sinks that must hear of every move. `continue`: releases settle, and what was missed is delivered later, in order. `freeze`: nothing moves while one of them is down, so that the fleet cannot split.',
    example: { required: ['redis'], whenDown: 'freeze' },
  });
export type SinkRule = z.infer<typeof SinkRule>;
