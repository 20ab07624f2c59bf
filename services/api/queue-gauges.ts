import type { QueueDepths } from '../rabbitmq/queue-depths.ts';
import type { GaugeFamily } from './metrics.ts';

/** What an autoscaler and an alarm look at: how long the named queues of RabbitMQ are, and whether anybody consumes from them. */
export async function queueGauges(depths: QueueDepths): Promise<readonly GaugeFamily[]> {
  const { up, queues } = await depths.read();
  return [
    {
      name: 'pointsman_queue_up',
      help: 'Whether RabbitMQ said how long its queues are.',
      samples: [{ labels: {}, value: up ? 1 : 0 }],
    },
    {
      name: 'pointsman_queue_messages',
      help: 'Messages that wait in a queue.',
      samples: queues.map(({ queue, messages }) => ({ labels: { queue }, value: messages })),
    },
    {
      name: 'pointsman_queue_consumers',
      help: 'Consumers of a queue.',
      samples: queues.map(({ queue, consumers }) => ({ labels: { queue }, value: consumers })),
    },
  ];
}
