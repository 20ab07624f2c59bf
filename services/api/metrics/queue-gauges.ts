import type { QueueDepths } from '../../rabbitmq/queue-depths.ts';
import type { Metrics } from './metrics.ts';

/**
 * Adds gauges for autoscalers and alerts. They show the number of messages and of consumers in each configured RabbitMQ queue, and whether
 * RabbitMQ responded. A scrape sends one request to RabbitMQ for all three gauges.
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
