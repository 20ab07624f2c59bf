import { type ChannelModel, connect } from 'amqplib';

import { confirmedPublisher, type Published, type RabbitMessage } from './confirms.ts';
import { rabbitLimits } from './limits.ts';

/** One connection with one confirm channel, from its login to whatever ends it. */
export interface RabbitSession {
  /** Never rejects, and ends within {@link rabbitLimits.confirmMs}. */
  publish(message: RabbitMessage): Promise<Published>;
  /** The same, once that queue is declared as a Celery worker would declare it: durable, classic, without arguments. */
  publishToQueue(queue: string, message: RabbitMessage): Promise<Published>;
  isOver(): boolean;
  /** Says goodbye, or cuts the connection when nobody answers. What is in flight is `unknown`. */
  close(): Promise<void>;
}

/**
 * Connects and logs in. Rejects when that fails or takes too long. amqplib's timeout measures silence, which a peer that trickles never
 * reaches, and its `close` waits for an answer. So the end of every wait here is to cut the socket: whatever waits for something of the
 * connection is then told so.
 */
export async function openRabbitSession(url: string): Promise<RabbitSession> {
  const socket = new AbortController();
  const tooLong = setTimeout(cutFor(socket, 'no answer in time'), rabbitLimits.connectMs);
  try {
    const options = { noDelay: true, signal: socket.signal };
    return await sessionOf(await connect(withHeartbeat(url), options), socket);
  } catch (error) {
    socket.abort(error);
    throw socket.signal.reason;
  } finally {
    clearTimeout(tooLong);
  }
}

async function sessionOf(connection: ChannelModel, socket: AbortController): Promise<RabbitSession> {
  let over = false;
  // What ends a connection or a channel reaches whoever waits for it; an error without a listener would end the process as well.
  connection.on('error', () => undefined);
  const closed = new Promise<void>((resolve) => connection.once('close', () => resolve()));
  void closed.then(() => (over = true));
  const channel = await connection.createConfirmChannel();
  channel.on('error', () => undefined);
  channel.on('close', cutFor(socket, 'the channel was closed'));
  const publish = confirmedPublisher(channel);
  const declared = declaredQueues(connection);
  const inTime = async (work: () => Promise<Published>): Promise<Published> => {
    const tooLong = setTimeout(cutFor(socket, 'no confirm in time'), rabbitLimits.confirmMs);
    const published = await work();
    clearTimeout(tooLong);
    return published;
  };
  return {
    publish: (message) => inTime(() => publish(message)),
    publishToQueue: (queue, message) =>
      inTime(async () => {
        await declared.declare(queue);
        const published = await publish(message);
        if (published.kind === 'unroutable') declared.forget(queue);
        return published;
      }),
    isOver: () => over || socket.signal.aborted,
    close: async () => {
      over = true;
      const tooLong = setTimeout(cutFor(socket, 'no goodbye in time'), rabbitLimits.closeMs);
      // What it returns is settled by the broker's goodbye alone, and never when the socket is cut.
      connection.close().catch(() => undefined);
      await closed;
      clearTimeout(tooLong);
    },
  };
}

function cutFor(socket: AbortController, reason: string): () => void {
  return () => socket.abort(new Error(reason));
}

/**
 * The queues that this connection has declared. Each is declared over a channel of its own, since what goes wrong closes the channel, and
 * it may go wrong well: a queue is there with other arguments (a quorum queue), or may not be declared by us. Whether
 * there is one in the end, the message itself finds out.
 */
function declaredQueues(connection: ChannelModel) {
  const declared = new Map<string, Promise<void>>();
  const declare = async (queue: string): Promise<void> => {
    try {
      const channel = await connection.createChannel();
      channel.on('error', () => undefined);
      await channel.assertQueue(queue, { durable: true });
      await channel.close();
    } catch {
      return;
    }
  };
  return {
    declare: (queue: string): Promise<void> => {
      if (declared.size >= rabbitLimits.declaredQueues) declared.clear();
      const known = declared.get(queue) ?? declare(queue);
      declared.set(queue, known);
      return known;
    },
    forget: (queue: string): void => void declared.delete(queue),
  };
}

/** What the operator wrote into the address goes first. */
function withHeartbeat(text: string): string {
  const url = new URL(text);
  if (!url.searchParams.has('heartbeat')) {
    url.searchParams.set('heartbeat', String(rabbitLimits.heartbeatSeconds));
  }
  return url.href;
}
