import type { Unrouted } from '../rabbitmq/move-topology.ts';
import type { Rule } from './read-settings.ts';
import type { Settings } from './settings.ts';

/** What a process is told of RabbitMQ. */
export interface RabbitConfig {
  /** Null without a RabbitMQ. */
  readonly amqpUrl: string | null;
  readonly amqpUnrouted: Unrouted;
}

export const RABBIT_SETTINGS = ['AMQP_URL', 'POINTSMAN_AMQP_UNROUTED'] as const;

export function rabbitConfig(read: Partial<Pick<Settings, (typeof RABBIT_SETTINGS)[number]>>): RabbitConfig {
  // Unless an operator asks for something else, a move that must be taken can be told from one that nobody took.
  return { amqpUrl: read.AMQP_URL ?? null, amqpUnrouted: read.POINTSMAN_AMQP_UNROUTED ?? 'mandatory' };
}

export const queuesSomewhere: Rule<'AMQP_URL' | 'POINTSMAN_AMQP_QUEUES'> = (_read, isSet) =>
  isSet('POINTSMAN_AMQP_QUEUES') && !isSet('AMQP_URL')
    ? 'POINTSMAN_AMQP_QUEUES is set, so that AMQP_URL must be, too'
    : null;
