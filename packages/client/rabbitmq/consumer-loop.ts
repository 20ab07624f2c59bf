import type { Channel, ConsumeMessage } from 'amqplib';
import { setTimeout as pause } from 'node:timers/promises';
import type { Log } from '../log.ts';

import { backoffMs } from '@pointsman/protocol/calls/backoff';
import { consumerLimits } from './limits.ts';
import { moveProgress } from './move-progress.ts';
import { readMove } from './read-move.ts';
import { withTimeLimit, type MoveHandler, applyMove } from './apply-move.ts';

export interface ConsumerLoop {
  /** Records that moves may have been missed, although no sequence number shows it. */
  mayHaveMissed(): void;
  /** If moves may have been missed, calls the handler's `snapshot`. Rejects if the handler fails. */
  catchUp(): Promise<void>;
  take(channel: Channel, message: ConsumeMessage): void;
  /** Resolves when all moves received so far have been processed. */
  idle(): Promise<void>;
}

/**
 * Processes moves one after another, even across connections. A connection may be lost while a move is being
 * applied. The redelivery of that move is then processed only after the first run has ended.
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
    // After the last allowed failure the broker dead-letters the move, so there is no need to wait.
    const waitMs = before < deliveryLimit ? backoffMs(before + 1, Math.random(), consumerLimits.retry) : 0;
    await pause(waitMs, undefined, { signal }).catch(() => undefined);
    settle(() => channel.nack(message, false, true));
  };
  const handle = async (channel: Channel, message: ConsumeMessage): Promise<void> => {
    // The consumer is closing, so the move is not acknowledged. The broker redelivers it to the next
    // consumer.
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
      // The wait after a failure is not awaited, because it would block the following moves. If one of them
      // belongs to the same pointer, the consumer detects that this move is missing.
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
    // The channel is closed, so the message can't be acknowledged. The broker redelivers it.
  }
}

/**
 * Returns how many times the broker has delivered the message before. A quorum queue counts that in a header,
 * which the first delivery does not have.
 */
function deliveriesBefore(message: ConsumeMessage): number {
  const count: unknown = message.properties.headers?.['x-delivery-count'];
  return typeof count === 'number' ? count : 0;
}
