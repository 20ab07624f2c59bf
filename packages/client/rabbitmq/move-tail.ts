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
  /** Moves may be missing here: fetch the pointer. The next move may be older than the fetched pointer. */
  | { readonly kind: 'gap' };

/**
 * Yields every move of one pointer from now on, by ascending generation, from a queue that exists as long as
 * its connection. Yields a gap first, after each new connection, and where a generation is missing. Ends when
 * the signal aborts, and never throws. It reconnects while the broker is unreachable or the exchange does not
 * exist yet.
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
    // The gap at the start of a connection covers all moves before the first one.
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
  /** Requests the next move. */
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
    // The listener is added before the consumer starts, so that no message is missed.
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
        // The channel is closed, and the queue deleted with it.
      }
    };
    const read = readMove(message.content);
    if (read.kind === 'move') yield { event: read.event, done };
    else done();
  }
}
