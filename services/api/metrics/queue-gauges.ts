import type { QueueDepths } from '../../rabbitmq/queue-depths.ts';
import type { Metrics } from './metrics.ts';

/**
 * Gauges for autoscalers and alarms: the length of the named RabbitMQ queues, and their consumers. All three gauges of a scrape share one
 * request to the broker.
 */
export function addQueueGauges(metrics: Metrics, depths: QueueDepths): void {
  metrics.gauge('pointsman_queue_up', 'Whether RabbitMQ reported the length of the queues.', async () =>
    (await depths.read()).up ? 1 : 0,
  );
  metrics.gaugeBy('queue', 'pointsman_queue_messages', 'Messages in a queue.', async () =>
    (await depths.read()).queues.map(({ queue, messages }) => ({ label: queue, value: messages })),
  );
  metrics.gaugeBy('queue', 'pointsman_queue_consumers', 'Consumers of a queue.', async () =>
    (await depths.read()).queues.map(({ queue, consumers }) => ({ label: queue, value: consumers })),
  );
}
