import type { Unrouted } from '../rabbitmq/move-topology.ts';
import type { Rule } from './read-settings.ts';
import { settingDefaults, type Settings } from './settings.ts';

export interface RabbitConfig {
  /** The URL of RabbitMQ. It is null if RabbitMQ is not configured. */
  readonly amqpUrl: string | null;
  readonly amqpUnrouted: Unrouted;
}

export const RABBIT_SETTINGS = ['AMQP_URL', 'POINTSMAN_AMQP_UNROUTED'] as const;

export function rabbitConfig(read: Partial<Pick<Settings, (typeof RABBIT_SETTINGS)[number]>>): RabbitConfig {
  return {
    amqpUrl: read.AMQP_URL ?? null,
    amqpUnrouted: read.POINTSMAN_AMQP_UNROUTED ?? settingDefaults.POINTSMAN_AMQP_UNROUTED,
  };
}

export const queuesNeedRabbit: Rule<'AMQP_URL' | 'POINTSMAN_AMQP_QUEUES'> = (_read, isSet) =>
  isSet('POINTSMAN_AMQP_QUEUES') && !isSet('AMQP_URL')
    ? 'POINTSMAN_AMQP_QUEUES is set, so AMQP_URL must also be set'
    : null;
