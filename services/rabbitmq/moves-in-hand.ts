import type { Channel, ConsumeMessage } from 'amqplib';
import { setTimeout as pause } from 'node:timers/promises';
import type { Logger } from 'pino';

import { backoffMs } from '../../core/backoff.ts';
import { consumerLimits } from './limits.ts';
import { moveProgress } from './move-progress.ts';
import { readMove } from './read-move.ts';
import { bounded, type MoveHandler, takeMove } from './take-move.ts';

export interface MovesInHand {
  /** From now on something may be missing that no gap will show. */
  mayHaveMissed(): void;
  /** Fetches what may be missing. Rejects when the handler can't. */
  catchUp(): Promise<void>;
  take(channel: Channel, message: ConsumeMessage): void;
  /** Resolves when all that was taken is done with. */
  idle(): Promise<void>;
}

/** One after another, over all connections: a move in hand when one is lost ends before the same one is looked at again. */
export function movesInHand({
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
  log: Logger;
}): MovesInHand {
  const progress = moveProgress(bindings);
  let mayHaveMissed = true;
  let last: Promise<void> = Promise.resolve();

  const failed = async (channel: Channel, message: ConsumeMessage, err: unknown): Promise<void> => {
    const before = deliveriesBefore(message);
    log.warn({ err, queue, messageId: message.properties.messageId as unknown, before }, 'a move failed');
    // Nothing is waited for when it is dead after this.
    const waitMs = before < deliveryLimit ? backoffMs(before + 1, Math.random(), consumerLimits.retry) : 0;
    await pause(waitMs, undefined, { signal }).catch(() => undefined);
    settle(() => channel.nack(message, false, true));
  };
  const handle = async (channel: Channel, message: ConsumeMessage): Promise<void> => {
    // It comes again, to whoever consumes next.
    if (signal.aborted) return;
    const read = readMove(message.content);
    if (read.kind === 'garbage') {
      log.error({ queue, reason: read.reason }, 'a message is no move');
      return settle(() => channel.reject(message, false));
    }
    try {
      if (read.kind === 'move') {
        const taken = await takeMove(read.event, { handler, progress, signal });
        log.debug({ queue, id: read.event.id, taken }, 'a move');
      }
      settle(() => channel.ack(message));
    } catch (error) {
      // Without holding up what comes behind. That may be the next generation, which notices that this one is missing.
      void failed(channel, message, error);
    }
  };
  return {
    mayHaveMissed: () => void (mayHaveMissed = true),
    catchUp: async () => {
      if (!mayHaveMissed) return;
      await last;
      progress.fetched(await handler.snapshot({ kind: 'queue' }, bounded(signal)));
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
    // The channel is closed, and the broker delivers it again.
  }
}

/** A quorum queue counts how often a message came back; nobody has counted at the first delivery. */
function deliveriesBefore(message: ConsumeMessage): number {
  const count: unknown = message.properties.headers?.['x-delivery-count'];
  return typeof count === 'number' ? count : 0;
}
