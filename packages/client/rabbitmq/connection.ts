import { deferred } from '@pointsman/protocol/calls/deferred';
import { type Channel, type ChannelModel, connect } from 'amqplib';

import { rabbitLimits } from './limits.ts';

/** An open connection to RabbitMQ, after the login. */
export interface RabbitConnection {
  readonly model: ChannelModel;
  /** Resolves when the connection has ended, for any reason. */
  readonly over: Promise<void>;
  isOver(): boolean;
  /**
   * Returns whether the broker has blocked this connection because it is short of memory or disk. RabbitMQ
   * only reports this to connections that publish.
   */
  isBlocked(): boolean;
  /**
   * Runs work that waits for the broker. If it takes longer than {@link rabbitLimits.confirmMs}, the
   * connection is destroyed.
   */
  inTime<T>(work: () => Promise<T>, tooLate: string): Promise<T>;
  /**
   * Runs work as `inTime` does, but on a separate channel. Some requests normally end with an error, and an
   * error closes the channel. Also rejects if the connection becomes blocked, without destroying it.
   */
  aside<T>(work: (channel: Channel) => Promise<T>): Promise<T>;
  /** Destroys the connection without a graceful close. */
  destroy(reason: string): void;
  /** Closes the connection gracefully, or destroys it if the broker does not respond. */
  close(): Promise<void>;
}

/**
 * Connects and logs in. Rejects if that fails or takes too long.
 *
 * amqplib's own timeout only detects silence, so a peer that sends slowly never triggers it. Its `close`
 * methods wait for a response even if none can arrive. Every time limit in this module therefore destroys the
 * socket, so that every waiting caller gets an error.
 */
export async function openRabbitConnection(url: string): Promise<RabbitConnection> {
  const socket = new AbortController();
  const tooLong = setTimeout(destroyWith(socket, 'no response in time'), rabbitLimits.connectMs);
  try {
    const options = { noDelay: true, signal: socket.signal };
    const opening = connect(withHeartbeat(url), options);
    // The library settles its promise when the socket emits `close`. If the socket closed before the library
    // added its listener, the promise never settles. The abort then ends the wait.
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
  // Waiting callers get the error anyway. Without this listener, the error event would also end the process.
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
      // The returned promise settles only with the broker's close response, so it never settles after the
      // socket was destroyed.
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

/** Returns a promise that rejects with the signal's reason when the signal aborts. */
function abortOf(signal: AbortSignal): Promise<never> {
  const { promise, reject } = deferred<never>();
  signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  return promise;
}

function destroyWith(socket: AbortController, reason: string): () => void {
  return () => socket.abort(new Error(reason));
}

/**
 * Adds the heartbeat interval to the URL. A heartbeat that the operator has set in the URL takes precedence.
 */
function withHeartbeat(text: string): string {
  const url = new URL(text);
  if (!url.searchParams.has('heartbeat')) {
    url.searchParams.set('heartbeat', String(rabbitLimits.heartbeatSeconds));
  }
  return url.href;
}
