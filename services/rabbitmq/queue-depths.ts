import { setTimeout as pause } from 'node:timers/promises';
import type { Logger } from 'pino';

import { singleFlight } from '../../core/single-flight.ts';
import { reconnecting } from '../connections/reconnecting.ts';
import { closeCode } from './close-code.ts';
import { openRabbitConnection, type RabbitConnection } from './connection.ts';
import { depthLimits } from './limits.ts';

export interface QueueDepth {
  readonly queue: string;
  /** Ready to be delivered; without those that a consumer has in hand. */
  readonly messages: number;
  readonly consumers: number;
}

export interface DepthAnswer {
  /** Whether the broker answered. */
  readonly up: boolean;
  /** Of the queues that are there. */
  readonly queues: readonly QueueDepth[];
}

export interface QueueDepths {
  /** Never rejects, and ends within {@link depthLimits.answerMs}. */
  read(): Promise<DepthAnswer>;
  close(): Promise<void>;
}

const DOWN: DepthAnswer = { up: false, queues: [] };

/** How long queues are, asked passively: nothing is declared, and a queue that is not there is left out. */
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
  let last: { readonly answer: DepthAnswer; readonly atMs: number } | null = null;

  const read = async (): Promise<DepthAnswer> => {
    try {
      const open = await connection.current();
      const depths: QueueDepth[] = [];
      for (const queue of queues) depths.push(...(await depthOf(open, queue)));
      return { up: true, queues: depths };
    } catch (error) {
      log.warn({ err: error }, 'RabbitMQ does not say how long its queues are');
      return DOWN;
    }
  };
  const keep = (answer: DepthAnswer): DepthAnswer => {
    last = { answer, atMs: performance.now() };
    return answer;
  };
  const asking = singleFlight(async () => keep(await read()));
  const inTime = async (answer: Promise<DepthAnswer>): Promise<DepthAnswer> => {
    const bound = new AbortController();
    const late = pause(depthLimits.answerMs, null, { signal: bound.signal });
    const first = await Promise.race([answer, late.catch(() => null)]);
    bound.abort();
    return first ?? keep(DOWN);
  };
  return {
    read: () => {
      if (last !== null && performance.now() - last.atMs < depthLimits.freshMs)
        return Promise.resolve(last.answer);
      // What comes after the bound is there for the next who ask.
      return inTime(asking.join());
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
