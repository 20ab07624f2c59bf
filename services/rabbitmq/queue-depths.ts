import { setTimeout as pause } from 'node:timers/promises';
import type { Logger } from 'pino';

import { singleFlight } from '@pointsman/protocol/calls/single-flight';
import { reconnecting } from '@pointsman/protocol/calls/reconnecting';
import { closeCode } from '@pointsman/client/internal/rabbitmq/close-code';
import { openRabbitConnection, type RabbitConnection } from '@pointsman/client/internal/rabbitmq/connection';
import { depthLimits } from './limits.ts';

export interface QueueDepth {
  readonly queue: string;
  /** The number of messages that are ready for delivery. Messages that a consumer is processing are not counted. */
  readonly messages: number;
  readonly consumers: number;
}

export interface DepthResult {
  /** Whether RabbitMQ has responded. */
  readonly up: boolean;
  /** The depths of the configured queues. Queues that do not exist are omitted. */
  readonly queues: readonly QueueDepth[];
}

export interface QueueDepths {
  /** Reads the depths of all queues. The promise always resolves, within {@link depthLimits.answerMs}. */
  read(): Promise<DepthResult>;
  close(): Promise<void>;
}

const DOWN: DepthResult = { up: false, queues: [] };

/**
 * Creates a reader of queue depths. It uses passive declarations, which return the depth of a queue without creating
 * it.
 */
export function queueDepths({
  url,
  queues,
  log,
}: {
  url: string;
  queues: readonly string[];
  log: Logger;
}): QueueDepths {
  const connection = reconnecting(() => openRabbitConnection(url));
  let last: { readonly answer: DepthResult; readonly atMs: number } | null = null;

  const read = async (): Promise<DepthResult> => {
    try {
      const open = await connection.current();
      const depths: QueueDepth[] = [];
      for (const queue of queues) depths.push(...(await depthOf(open, queue)));
      return { up: true, queues: depths };
    } catch (error) {
      log.warn({ err: error }, 'RabbitMQ did not return its queue depths');
      return DOWN;
    }
  };
  const store = (answer: DepthResult): DepthResult => {
    last = { answer, atMs: performance.now() };
    return answer;
  };
  const flight = singleFlight(async () => store(await read()));
  const inTime = async (answer: Promise<DepthResult>): Promise<DepthResult> => {
    const bound = new AbortController();
    const late = pause(depthLimits.answerMs, null, { signal: bound.signal });
    const first = await Promise.race([answer, late.catch(() => null)]);
    bound.abort();
    return first ?? store(DOWN);
  };
  return {
    read: () => {
      if (last !== null && performance.now() - last.atMs < depthLimits.freshMs)
        return Promise.resolve(last.answer);
      // If the read takes longer than the time limit, it continues, and its result is cached for the next caller.
      return inTime(flight.join());
    },
    close: () => connection.close(),
  };
}

async function depthOf(connection: RabbitConnection, queue: string): Promise<QueueDepth[]> {
  try {
    const { messageCount, consumerCount } = await connection.aside((channel) => channel.checkQueue(queue));
    return [{ queue, messages: messageCount, consumers: consumerCount }];
  } catch (error) {
    if (closeCode(error) === 'not_found') return [];
    throw error;
  }
}
