import { setTimeout as pause } from 'node:timers/promises';
import type { Logger } from 'pino';
import { z } from 'zod';

import type { RabbitConnection } from './connection.ts';
import { connections } from './connections.ts';
import { deadQueue, declareConsumerQueue, isThere } from './consumer-queue.ts';
import { consumerLimits, rabbitLimits } from './limits.ts';
import { MoveBinding } from './move-binding.ts';
import { movesInHand, type MovesInHand } from './moves-in-hand.ts';
import type { MoveHandler } from './take-move.ts';

export interface MoveConsumerOptions extends MoveHandler {
  readonly url: string;
  readonly log: Logger;
  /** Of this consumer alone, and always the same for it. */
  readonly queue: string;
  /** `#`, `acme.#`, or `tenant.bundle.channel` with `*` for any. */
  readonly bindings: readonly string[];
  /** `expect`: the queue, its arguments and its bindings are an operator's. */
  readonly topology?: 'declare' | 'expect';
  readonly deliveryLimit?: number;
  readonly prefetch?: number;
}

export interface MoveConsumer {
  /** Moves that nobody has taken yet, and those that are dead. Null while the broker can't be asked. */
  depth(): Promise<{ readonly waiting: number; readonly dead: number } | null>;
  /** Lets the move in hand end, for a moment. What is not acknowledged comes again. */
  close(): Promise<void>;
}

const Settings = z.object({
  queue: z.string().min(1).max(200),
  bindings: z.array(MoveBinding).min(1).max(consumerLimits.bindings),
  topology: z.enum(['declare', 'expect']).default('declare'),
  deliveryLimit: z
    .number()
    .int()
    .min(0)
    .max(consumerLimits.maxDeliveryLimit)
    .default(consumerLimits.deliveryLimit),
  prefetch: z.number().int().min(1).max(consumerLimits.maxPrefetch).default(consumerLimits.prefetch),
});

/**
 * Applies the moves of a durable queue, one at a time and at least once, and never goes back: a move is acknowledged after it was applied,
 * and dropped when its generation, or a later one, is here. Connects again by itself. Throws when the options are wrong.
 */
export function consumeMoves(options: MoveConsumerOptions): MoveConsumer {
  const settings = Settings.parse(options);
  const { url, log } = options;
  const stop = new AbortController();
  const inHand = movesInHand({ ...settings, handler: options, signal: stop.signal, log });
  let open: RabbitConnection | null = null;
  const stopped = new Promise<void>((resolve) =>
    stop.signal.addEventListener('abort', () => resolve(), { once: true }),
  );
  const consume = async (): Promise<void> => {
    for await (const connection of connections({ url, log, signal: stop.signal })) {
      open = connection;
      try {
        await consumeOver(connection, settings, inHand);
        await Promise.race([connection.over, stopped]);
        await Promise.race([inHand.idle(), pause(rabbitLimits.closeMs)]);
      } catch (error) {
        log.warn({ err: error, queue: settings.queue }, 'moves can not be consumed');
      }
    }
  };
  const consuming = consume();
  return {
    depth: async () => (open === null ? null : depthOf(open, settings.queue)),
    close: async () => {
      stop.abort();
      await consuming;
    },
  };
}

async function consumeOver(
  connection: RabbitConnection,
  { queue, bindings, topology, deliveryLimit, prefetch }: z.infer<typeof Settings>,
  inHand: MovesInHand,
): Promise<void> {
  if (!(await isThere(connection, queue))) inHand.mayHaveMissed();
  if (topology === 'declare') await declareConsumerQueue(connection, { queue, bindings, deliveryLimit });
  // After the queue is bound: what moves meanwhile is in it.
  await inHand.catchUp();
  await connection.inTime(async () => {
    const channel = await connection.model.createChannel();
    channel.on('error', () => undefined);
    channel.on('close', () => connection.cut('the channel was closed'));
    await channel.prefetch(prefetch);
    await channel.consume(queue, (message) => {
      if (message !== null) return inHand.take(channel, message);
      inHand.mayHaveMissed();
      connection.cut('the queue was deleted');
    });
  }, 'no answer in time');
}

async function depthOf(connection: RabbitConnection, queue: string) {
  try {
    return await connection.aside(async (channel) => ({
      waiting: (await channel.checkQueue(queue)).messageCount,
      dead: (await channel.checkQueue(deadQueue(queue))).messageCount,
    }));
  } catch {
    return null;
  }
}
