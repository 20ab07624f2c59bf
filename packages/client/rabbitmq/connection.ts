import { deferred } from '@pointsman/protocol/calls/deferred';
import { type Channel, type ChannelModel, connect } from 'amqplib';

import { rabbitLimits } from './limits.ts';

/** One connection, from its login to its end. */
export interface RabbitConnection {
  readonly model: ChannelModel;
  /** Resolves when the connection has ended, for any reason. */
  readonly over: Promise<void>;
  isOver(): boolean;
  /**
   * The broker is short of memory or disk, and no longer reads from this connection. It reports this only to
   * connections that publish.
   */
  isBlocked(): boolean;
  /**
   * Runs work that waits for the broker. If it takes longer than {@link rabbitLimits.confirmMs}, the
   * connection is destroyed.
   */
  inTime<T>(work: () => Promise<T>, tooLate: string): Promise<T>;
  /**
   * Like inTime, over a separate channel, because an error closes the channel, and some questions are
   * answered with an error. Also rejects when the connection becomes blocked, without destroying it.
   */
  aside<T>(work: (channel: Channel) => Promise<T>): Promise<T>;
  /** Destroys the connection without a graceful close. */
  destroy(reason: string): void;
  /** Closes the connection gracefully, or destroys it if the broker does not respond. */
  close(): Promise<void>;
}

/**
 * Connects and logs in. Rejects when that fails or takes too long.
 *
 * amqplib's timeout measures silence, and a peer that sends slowly never reaches it. Its `close`, of a
 * connection and of a channel, waits for a response, even if none can arrive. Every time limit here therefore
 * destroys the socket, and every waiting caller gets an error.
 */
export async function openRabbitConnection(url: string): Promise<RabbitConnection> {
  const socket = new AbortController();
  const tooLong = setTimeout(destroyWith(socket, 'no response in time'), rabbitLimits.connectMs);
  try {
    const options = { noDelay: true, signal: socket.signal };
    const opening = connect(withHeartbeat(url), options);
    // The library settles its promise when the socket emits `close`. If the socket closed before the library
    // listened, the promise never settles, and the abort ends the wait.
    return connectionOf(await Promise.race([opening, abortOf(socket.signal)]), socket);
  } catch (error) {
    socket.abort(error);
    throw socket.signal.reason;
  } finally {
    clearTimeout(tooLong);
  }
}

function connectionOf(model: ChannelModel, socket: AbortController): RabbitConnection {
  let over = false;
  let blocked = false;
  // The waiting callers get the error of a connection or a channel. An error without a listener would also
  // end the process.
  model.on('error', () => undefined);
  model.on('blocked', () => void (blocked = true));
  model.on('unblocked', () => void (blocked = false));
  const waiting = new Set<(reason: unknown) => void>();
  const closed = new Promise<void>((resolve) => model.once('close', () => resolve()));
  void closed.then(() => {
    over = true;
    for (const fail of waiting) fail(socket.signal.reason ?? new Error('the connection has ended'));
  });
  const inTime = async <T>(work: () => Promise<T>, tooLate: string): Promise<T> => {
    const { promise: ended, reject } = deferred<never>();
    waiting.add(reject);
    const tooLong = setTimeout(destroyWith(socket, tooLate), rabbitLimits.confirmMs);
    // The destroyed socket makes the library reject the work. This second timer ends the wait if the library
    // misses the end of the socket.
    const missed = setTimeout(
      () => reject(new Error(tooLate)),
      rabbitLimits.confirmMs + rabbitLimits.closeMs,
    );
    try {
      return await Promise.race([work(), ended]);
    } finally {
      waiting.delete(reject);
      clearTimeout(tooLong);
      clearTimeout(missed);
    }
  };
  return {
    model,
    over: closed,
    isOver: () => over || socket.signal.aborted,
    isBlocked: () => blocked,
    inTime,
    aside: (work) => inTime(() => unlessBlocked(model, asideOf(model, work)), 'no response in time'),
    destroy: (reason) => destroyWith(socket, reason)(),
    close: async () => {
      over = true;
      const tooLong = setTimeout(destroyWith(socket, 'no graceful close in time'), rabbitLimits.closeMs);
      // Only the broker's close response settles the returned promise, and it never settles after the socket
      // was destroyed.
      model.close().catch(() => undefined);
      // Destroying the socket ends the connection, unless the library misses the end of the socket.
      const { promise: missed, resolve } = deferred<void>();
      const tooLate = setTimeout(resolve, 2 * rabbitLimits.closeMs);
      await Promise.race([closed, missed]);
      clearTimeout(tooLong);
      clearTimeout(tooLate);
    },
  };
}

async function asideOf<T>(model: ChannelModel, work: (channel: Channel) => Promise<T>): Promise<T> {
  const channel = await model.createChannel();
  channel.on('error', () => undefined);
  try {
    return await work(channel);
  } finally {
    // Throws when the broker has already closed the channel.
    await channel.close().catch(() => undefined);
  }
}

/**
 * A blocked connection gets no response until it is unblocked. Rejecting immediately avoids waiting for the whole
 * time limit.
 */
async function unlessBlocked<T>(model: ChannelModel, work: Promise<T>): Promise<T> {
  const { promise, reject } = deferred<never>();
  const onBlocked = (): void => reject(new Error('the broker has blocked the connection'));
  model.once('blocked', onBlocked);
  try {
    return await Promise.race([work, promise]);
  } finally {
    model.off('blocked', onBlocked);
  }
}

/** Rejects with the reason when the signal aborts. */
function abortOf(signal: AbortSignal): Promise<never> {
  const { promise, reject } = deferred<never>();
  signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  return promise;
}

function destroyWith(socket: AbortController, reason: string): () => void {
  return () => socket.abort(new Error(reason));
}

/** A heartbeat in the operator's URL takes precedence. */
function withHeartbeat(text: string): string {
  const url = new URL(text);
  if (!url.searchParams.has('heartbeat')) {
    url.searchParams.set('heartbeat', String(rabbitLimits.heartbeatSeconds));
  }
  return url.href;
}
