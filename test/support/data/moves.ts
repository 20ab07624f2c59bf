import { connect } from 'amqplib';

import { type MoveEvent, moveEvent } from '../../../packages/protocol/moves/move-event.ts';
import type { Batch } from '../../../services/sinks/target.ts';

/** Creates a move of a pointer of `acme`, or of another tenant. */
export function madeMove({
  tenant = 'acme',
  bundle = 'support-bot',
  channel = 'live',
  generation,
  seq = generation,
}: {
  tenant?: string;
  bundle?: string;
  channel?: string;
  generation: number;
  seq?: number;
}): MoveEvent {
  const end = (version: number) => ({ version, digest: `sha256:${String(version).padStart(64, '0')}` });
  return moveEvent({
    tenant,
    bundle,
    channel,
    generation,
    seq,
    from: generation === 1 ? null : end(generation - 1),
    to: end(generation),
    movedAt: '2026-11-25T07:00:00.000Z',
  });
}

/** Creates the generations `from` to `to` of one pointer, as the feed of a tenant that has only this pointer. */
export function madeMoves(from: number, to: number, pointer: { tenant?: string; bundle?: string } = {}) {
  return Array.from({ length: to - from + 1 }, (_none, nth) =>
    madeMove({ ...pointer, generation: from + nth }),
  );
}

export function batchOf(
  events: readonly MoveEvent[],
  mustBeDelivered: Batch['mustBeDelivered'] = () => false,
): Batch {
  return { tenant: 'acme', events, atMs: 1_764_000_000_000, position: null, mustBeDelivered };
}

export type AmqpChannel = Awaited<ReturnType<Awaited<ReturnType<typeof connect>>['createChannel']>>;

/** Runs `use` with a channel of the AMQP library, without any code of Pointsman. */
export async function overAmqp<T>(url: string, use: (channel: AmqpChannel) => Promise<T>): Promise<T> {
  const connection = await connect(url);
  try {
    const channel = await connection.createChannel();
    channel.on('error', () => undefined);
    const answer = await use(channel);
    // Closing the channel waits until the messages are published. Closing only the connection would not wait.
    await channel.close();
    return answer;
  } finally {
    await connection.close();
  }
}

/** Removes all messages from a queue and returns them. */
export function drained(url: string, queue: string) {
  return overAmqp(url, async (channel) => {
    const messages = [];
    for (let next = await channel.get(queue, { noAck: true }); next !== false;) {
      messages.push(next);
      next = await channel.get(queue, { noAck: true });
    }
    return messages;
  });
}
