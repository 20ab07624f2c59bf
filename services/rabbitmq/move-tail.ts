import type { ConsumeMessage } from 'amqplib';
import { EventEmitter, on } from 'node:events';
import type { Logger } from 'pino';

import type { PointerId } from '../../core/identifiers.ts';
import { placeAfter } from '../../core/moves/move-cursor.ts';
import type { MoveEvent } from '../../core/moves/move-event.ts';
import { MOVE_EXCHANGE, moveRoutingKey } from '../../core/sink.ts';
import type { RabbitConnection } from './connection.ts';
import { connections } from './connections.ts';
import { tailLimits } from './limits.ts';
import { readMove } from './read-move.ts';

export type TailedMove =
  | { readonly kind: 'moved'; readonly event: MoveEvent }
  /** Moves may be missing here: fetch the pointer. What comes next may be older than what was fetched. */
  | { readonly kind: 'gap' };

/**
 * Every move of one pointer from now on, by rising generation, in a queue that ends with its connection. Begins with a gap, and says so
 * again after each new connection and wherever a generation is missing. Ends when the signal aborts, and never throws: while the broker
 * is away it connects again, and until the platform has made the exchange, too.
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
  log: Logger;
}): AsyncGenerator<TailedMove, void, void> {
  let last = 0;
  for await (const connection of connections({ url, log, signal })) {
    const arriving = await openTail(connection, moveRoutingKey(pointer), signal).catch((error: unknown) => {
      log.warn({ err: error }, 'moves can not be followed');
      return null;
    });
    if (arriving === null) continue;
    yield { kind: 'gap' };
    // What comes before the first move of a connection is behind the gap above.
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
  /** The next one may come. */
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
    channel.on('close', () => connection.cut('the channel was closed'));
    const { queue } = await channel.assertQueue('', {
      exclusive: true,
      autoDelete: true,
      durable: false,
      arguments: { 'x-max-length': tailLimits.waiting, 'x-overflow': 'drop-head' },
    });
    await channel.bindQueue(queue, MOVE_EXCHANGE, routingKey);
    await channel.prefetch(tailLimits.prefetch);
    // Before anything is consumed, so that nothing arrives unheard.
    const messages = on(inbox, 'message', { close: ['end'] });
    await channel.consume(queue, (message) => {
      if (message === null) connection.cut('the queue was deleted');
      else inbox.emit('message', message, () => channel.ack(message));
    });
    return movesOf(messages);
  }, 'no answer in time');
}

async function* movesOf(messages: NodeJS.AsyncIterator<unknown[]>): AsyncGenerator<Arrived, void, void> {
  for await (const [message, ack] of messages as AsyncIterable<[ConsumeMessage, () => void]>) {
    const done = (): void => {
      try {
        ack();
      } catch {
        // The channel is closed, and so is the queue.
      }
    };
    const read = readMove(message.content);
    if (read.kind === 'move') yield { event: read.event, done };
    else done();
  }
}
