import type { QueueDepths } from '../../rabbitmq/queue-depths.ts';
import type { Metrics } from './metrics.ts';

/**
 * What autoscalers and alarms need: the length of the named queues of RabbitMQ, and how many consume from them. All three gauges of a
 * scrape share one answer of the broker.
 */
export function addQueueGauges(metrics: Metrics, depths: QueueDepths): void {
  metrics.gauge('pointsman_queue_up', 'Whether RabbitMQ said how long its queues are.', async () =>
    (await depths.read()).up ? 1 : 0,
  );
  metrics.gaugeBy('queue', 'pointsman_queue_messages', 'Messages that wait in a queue.', async () =>
    (await depths.read()).queues.map(({ queue, messages }) => ({ label: queue, value: messages })),
  );
  metrics.gaugeBy('queue', 'pointsman_queue_consumers', 'Consumers of a queue.', async () =>
    (await depths.read()).queues.map(({ queue, consumers }) => ({ label: queue, value: consumers })),
  );
}
