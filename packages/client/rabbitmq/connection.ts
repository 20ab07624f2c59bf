import { deferred } from '@pointsman/protocol/calls/deferred';
import { type Channel, type ChannelModel, connect } from 'amqplib';

import { rabbitLimits } from './limits.ts';

/** An open RabbitMQ connection that is logged in. */
export interface RabbitConnection {
  readonly model: ChannelModel;
  /** Resolves when the connection has ended, whatever the reason. */
  readonly over: Promise<void>;
  isOver(): boolean;
  /**
   * Returns whether the broker has blocked this connection because it is short of memory or disk space.
   * RabbitMQ notifies only connections that publish.
   */
  isBlocked(): boolean;
  /**
   * Runs work that waits for a response of the broker. If the work takes longer than {@link
   * rabbitLimits.confirmMs}, destroys the connection and rejects with the text `tooLate`.
   */
  inTime<T>(work: () => Promise<T>, tooLate: string): Promise<T>;
  /**
   * Runs work as `inTime` does, but on a channel of its own. It is meant for requests that may fail in normal
   * operation, because an error closes its channel. If the broker blocks the connection, rejects without
   * destroying it.
   */
  aside<T>(work: (channel: Channel) => Promise<T>): Promise<T>;
  /** Destroys the connection without a graceful close. */
  destroy(reason: string): void;
  /** Closes the connection gracefully. If the broker does not respond, destroys the connection. */
  close(): Promise<void>;
}

/**
 * Connects and logs in. Rejects if that fails or takes too long.
 *
 * The library amqplib has a timeout, but it only detects silence, so it never ends a connection to a server
 * that sends slowly. Its `close` methods wait for a response even on a dead connection. Every time limit in
 * this module therefore destroys the socket, which rejects all waiting calls.
 */
export async function openRabbitConnection(url: string): Promise<RabbitConnection> {
  const socket = new AbortController();
  const tooLong = setTimeout(destroyWith(socket, 'no response in time'), rabbitLimits.connectMs);
  try {
    const options = { noDelay: true, signal: socket.signal };
    const opening = connect(withHeartbeat(url), options);
    // amqplib rejects its promise when the socket emits `close`. If the socket closed before amqplib added
    // its listener, the promise never settles. The second promise in the race then ends the wait.
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
  // The calls that are waiting reject with the error anyway. This listener only prevents the error event from
  // ending the process.
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
    // When the socket is destroyed, amqplib rejects the work. In rare cases it does not notice the end of the
    // socket. This second timer then ends the wait.
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
      // This promise settles only when the broker has responded to the close. It never settles if the socket
      // was destroyed, so it is not awaited.
      model.close().catch(() => undefined);
      // Destroying the socket normally ends the connection. This timer ends the wait in the rare case that
      // amqplib does not notice the end of the socket.
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
    // channel.close() throws if the broker has already closed the channel. That error is ignored.
    await channel.close().catch(() => undefined);
  }
}

/**
 * Awaits work, but rejects as soon as the broker blocks the connection. A blocked connection gets no
 * responses, so the work would otherwise wait for the whole time limit.
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

/** Adds the heartbeat interval to the URL, unless the operator has already set one there. */
function withHeartbeat(text: string): string {
  const url = new URL(text);
  if (!url.searchParams.has('heartbeat')) {
    url.searchParams.set('heartbeat', String(rabbitLimits.heartbeatSeconds));
  }
  return url.href;
}
