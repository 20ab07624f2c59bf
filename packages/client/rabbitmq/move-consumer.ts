import { setTimeout as pause } from 'node:timers/promises';
import type { Log } from '../log.ts';
import { z } from 'zod';

import type { RabbitConnection } from './connection.ts';
import { connections } from './connections.ts';
import { deadQueue, declareConsumerQueue, exists } from './consumer-queue.ts';
import { rabbitLimits, consumerLimits } from './limits.ts';
import { MoveBinding } from './move-binding.ts';
import { consumerLoop, type ConsumerLoop } from './consumer-loop.ts';
import type { MoveHandler } from './apply-move.ts';

export interface MoveConsumerOptions extends MoveHandler {
  readonly url: string;
  readonly log: Log;
  /** The name of the queue. It must be unique to this consumer, and stay the same after a restart. */
  readonly queue: string;
  /** The bindings of the queue: `#`, `acme.#`, or `tenant.bundle.channel` with `*` as a wildcard. */
  readonly bindings: readonly string[];
  /**
   * `declare`: the consumer declares the queue. `expect`: an operator manages the queue with its arguments
   * and bindings. Default: `declare`.
   */
  readonly topology?: 'declare' | 'expect';
  readonly deliveryLimit?: number;
  readonly prefetch?: number;
}

export interface MoveConsumer {
  /**
   * Returns the number of moves that are ready in the queue, and the number of dead-lettered ones. Returns
   * null while the broker is unreachable.
   */
  depth(): Promise<{ readonly waiting: number; readonly dead: number } | null>;
  /**
   * Stops the consumer. Waits a limited time for the running handler. The broker redelivers all moves that
   * are not acknowledged.
   */
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
 * Applies the moves of a durable queue, one at a time. Each move is applied at least once, and no pointer
 * goes back to an older generation. A move is acknowledged after it was applied. It is acknowledged without
 * being applied if its generation or a newer one was already applied. Reconnects by itself. Throws if an
 * option is invalid.
 */
export function consumeMoves(options: MoveConsumerOptions): MoveConsumer {
  const settings = Settings.parse(options);
  const { url, log } = options;
  const stop = new AbortController();
  const loop = consumerLoop({ ...settings, handler: options, signal: stop.signal, log });
  let open: RabbitConnection | null = null;
  const stopped = new Promise<void>((resolve) =>
    stop.signal.addEventListener('abort', () => resolve(), { once: true }),
  );
  const consume = async (): Promise<void> => {
    for await (const connection of connections({ url, log, signal: stop.signal })) {
      open = connection;
      try {
        await consumeOver(connection, settings, loop);
        await Promise.race([connection.over, stopped]);
        await Promise.race([loop.idle(), pause(rabbitLimits.closeMs)]);
      } catch (error) {
        log.warn({ err: error, queue: settings.queue }, 'moves cannot be consumed');
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
  loop: ConsumerLoop,
): Promise<void> {
  if (!(await exists(connection, queue))) loop.mayHaveMissed();
  if (topology === 'declare') await declareConsumerQueue(connection, { queue, bindings, deliveryLimit });
  // The catch-up runs after the queue is bound, so that moves that happen during the catch-up are in the
  // queue.
  await loop.catchUp();
  await connection.inTime(async () => {
    const channel = await connection.model.createChannel();
    channel.on('error', () => undefined);
    channel.on('close', () => connection.destroy('the channel was closed'));
    await channel.prefetch(prefetch);
    await channel.consume(queue, (message) => {
      if (message !== null) return loop.take(channel, message);
      loop.mayHaveMissed();
      connection.destroy('the queue was deleted');
    });
  }, 'no response in time');
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
