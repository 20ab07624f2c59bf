import type { Channel, ConsumeMessage } from 'amqplib';
import { setTimeout as pause } from 'node:timers/promises';
import type { Log } from '../log.ts';

import { backoffMs } from '@pointsman/protocol/calls/backoff';
import { consumerLimits } from './limits.ts';
import { moveProgress } from './move-progress.ts';
import { readMove } from './read-move.ts';
import { withTimeLimit, type MoveHandler, applyMove } from './apply-move.ts';

export interface ConsumerLoop {
  /** Records that moves may be missing without a visible gap in the numbers. */
  mayHaveMissed(): void;
  /** Fetches the moves that may be missing. Rejects when the handler fails. */
  catchUp(): Promise<void>;
  take(channel: Channel, message: ConsumeMessage): void;
  /** Resolves when all received moves are processed. */
  idle(): Promise<void>;
}

/**
 * Processes moves one after another, across connections: a move that was in progress on a lost connection
 * ends before its redelivery is processed.
 */
export function consumerLoop({
  handler,
  queue,
  bindings,
  deliveryLimit,
  signal,
  log,
}: {
  handler: MoveHandler;
  queue: string;
  bindings: readonly string[];
  deliveryLimit: number;
  signal: AbortSignal;
  log: Log;
}): ConsumerLoop {
  const progress = moveProgress(bindings);
  let mayHaveMissed = true;
  let last: Promise<void> = Promise.resolve();

  const failed = async (channel: Channel, message: ConsumeMessage, err: unknown): Promise<void> => {
    const before = deliveriesBefore(message);
    log.warn({ err, queue, messageId: message.properties.messageId as unknown, before }, 'a move failed');
    // If the move is dead-lettered after this failure, there is no wait.
    const waitMs = before < deliveryLimit ? backoffMs(before + 1, Math.random(), consumerLimits.retry) : 0;
    await pause(waitMs, undefined, { signal }).catch(() => undefined);
    settle(() => channel.nack(message, false, true));
  };
  const handle = async (channel: Channel, message: ConsumeMessage): Promise<void> => {
    // The consumer is closing. The broker redelivers the move to the next consumer.
    if (signal.aborted) return;
    const read = readMove(message.content);
    if (read.kind === 'garbage') {
      log.error({ queue, reason: read.reason }, 'a message is not a move');
      return settle(() => channel.reject(message, false));
    }
    try {
      if (read.kind === 'move') {
        const taken = await applyMove(read.event, { handler, progress, signal });
        log.debug({ queue, id: read.event.id, taken }, 'a move');
      }
      settle(() => channel.ack(message));
    } catch (error) {
      // Not awaited, so that the following moves are not blocked. If one of them has the next generation, the
      // consumer detects that this move is missing.
      void failed(channel, message, error);
    }
  };
  return {
    mayHaveMissed: () => void (mayHaveMissed = true),
    catchUp: async () => {
      if (!mayHaveMissed) return;
      await last;
      progress.fetched(await handler.snapshot({ kind: 'queue' }, withTimeLimit(signal)));
      mayHaveMissed = false;
    },
    take: (channel, message) => void (last = last.then(() => handle(channel, message))),
    idle: () => last,
  };
}

function settle(how: () => void): void {
  try {
    how();
  } catch {
    // The channel is closed, so the broker redelivers the message.
  }
}

/** A quorum queue counts redeliveries. The header is missing at the first delivery. */
function deliveriesBefore(message: ConsumeMessage): number {
  const count: unknown = message.properties.headers?.['x-delivery-count'];
  return typeof count === 'number' ? count : 0;
}
