import { pino } from 'pino';

import type { MoveEvent } from '../../../packages/protocol/moves/move-event.ts';
import type { MoveConsumerOptions, RejectedEntry } from '../../../packages/client/redis/consumer-options.ts';
import { type MoveConsumer, consumeMoves } from '../../../packages/client/redis/move-consumer.ts';

/** A runtime that follows the streams. It records the moves that it applied and the snapshots that it loaded. */
export interface StreamRuntime {
  readonly applied: string[];
  readonly snapshots: string[];
  readonly rejected: RejectedEntry[];
  readonly consumer: MoveConsumer;
}

/** The source of the snapshots: the latest number of each tenant, which the test raises. */
export type Truth = Map<string, number>;

export function startRuntime(
  truth: Truth,
  options: Partial<MoveConsumerOptions> & { url: string },
): StreamRuntime {
  const [applied, snapshots, rejected]: [string[], string[], RejectedEntry[]] = [[], [], []];
  const { apply = async () => undefined } = options;
  const consumer = consumeMoves({
    log: pino({ level: 'silent' }),
    group: 'runtimes',
    consumer: 'one',
    tenants: async () => [...truth.keys()],
    snapshot: async (tenant) => {
      snapshots.push(tenant);
      return { seq: truth.get(tenant) ?? 0 };
    },
    rejected: (entry) => rejected.push(entry),
    ...options,
    apply: async (event: MoveEvent, signal) => {
      await apply(event, signal);
      applied.push(event.id);
    },
  });
  return { applied, snapshots, rejected, consumer };
}
