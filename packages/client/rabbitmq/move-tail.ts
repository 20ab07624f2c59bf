import type { ConsumeMessage } from 'amqplib';
import { EventEmitter, on } from 'node:events';
import type { Log } from '../log.ts';

import type { PointerId } from '@pointsman/protocol/identifiers';
import { placeAfter } from '@pointsman/protocol/moves/move-cursor';
import type { MoveEvent } from '@pointsman/protocol/moves/move-event';
import { MOVE_EXCHANGE, moveRoutingKey } from '@pointsman/protocol/sinks/sink';
import type { RabbitConnection } from './connection.ts';
import { connections } from './connections.ts';
import { tailLimits } from './limits.ts';
import { readMove } from './read-move.ts';

export type TailedMove =
  | { readonly kind: 'moved'; readonly event: MoveEvent }
  /**
   * Moves may be missing at this point, so the caller must read the pointer. The next move may be older than
   * that pointer.
   */
  | { readonly kind: 'gap' };

/**
 * Yields the moves of one pointer from now on, by ascending generation. They come from a temporary queue,
 * which is deleted when its connection ends.
 *
 * Yields a gap at the start, after each new connection, and wherever a generation is missing. Reconnects
 * while the broker is unreachable or the exchange does not exist yet. Ends when the signal aborts, and never
 * throws.
 */
export async function* tailMoves({
  url,
  pointer,
  signal,
  log,
}: {
  url: string;
  pointer: PointerId;
  signal: AbortSignal;
  log: Log;
}): AsyncGenerator<TailedMove, void, void> {
  let last = 0;
  for await (const connection of connections({ url, log, signal })) {
    const arriving = await openTail(connection, moveRoutingKey(pointer), signal).catch((error: unknown) => {
      log.warn({ err: error }, 'moves cannot be followed');
      return null;
    });
    if (arriving === null) continue;
    yield { kind: 'gap' };
    // At the start of a connection a gap was already yielded. It covers all moves before the first one, so
    // the first move causes no second gap.
    let isFirst = true;
    for await (const { event, done } of arriving) {
      const { generation } = event.data;
      const place = placeAfter(last, generation);
      if (place !== 'seen') {
        if (place === 'gap' && !isFirst) yield { kind: 'gap' };
        yield { kind: 'moved', event };
        [last, isFirst] = [generation, false];
      }
      done();
    }
  }
}

interface Arrived {
  readonly event: MoveEvent;
  /** Acknowledges this move, so that the broker sends the next one. */
  readonly done: () => void;
}

async function openTail(
  connection: RabbitConnection,
  routingKey: string,
  signal: AbortSignal,
): Promise<AsyncGenerator<Arrived, void, void>> {
  const inbox = new EventEmitter();
  const end = (): void => void inbox.emit('end');
  signal.addEventListener('abort', end, { once: true });
  void connection.over.then(() => {
    signal.removeEventListener('abort', end);
    end();
  });
  return connection.inTime(async () => {
    const channel = await connection.model.createChannel();
    channel.on('error', () => undefined);
    channel.on('close', () => connection.destroy('the channel was closed'));
    const { queue } = await channel.assertQueue('', {
      exclusive: true,
      autoDelete: true,
      durable: false,
      arguments: { 'x-max-length': tailLimits.waiting, 'x-overflow': 'drop-head' },
    });
    await channel.bindQueue(queue, MOVE_EXCHANGE, routingKey);
    await channel.prefetch(tailLimits.prefetch);
    // The listener for messages is added before the consumer starts. Otherwise the first messages would be
    // lost.
    const messages = on(inbox, 'message', { close: ['end'] });
    await channel.consume(queue, (message) => {
      if (message === null) connection.destroy('the queue was deleted');
      else inbox.emit('message', message, () => channel.ack(message));
    });
    return movesOf(messages);
  }, 'no response in time');
}

async function* movesOf(messages: NodeJS.AsyncIterator<unknown[]>): AsyncGenerator<Arrived, void, void> {
  for await (const [message, ack] of messages as AsyncIterable<[ConsumeMessage, () => void]>) {
    const done = (): void => {
      try {
        ack();
      } catch {
        // The channel is closed. The broker has deleted the temporary queue, so there is nothing to
        // acknowledge.
      }
    };
    const read = readMove(message.content);
    if (read.kind === 'move') yield { event: read.event, done };
    else done();
  }
}
