import { type Channel, type ChannelModel, connect } from 'amqplib';

import { rabbitLimits } from './limits.ts';

/** One connection, from its login to whatever ends it. */
export interface RabbitConnection {
  readonly model: ChannelModel;
  /** Resolves once it has ended, whatever ended it. */
  readonly over: Promise<void>;
  isOver(): boolean;
  /** The broker is short of memory or disk, and reads nothing more of this connection. It says so only to those who publish. */
  isBlocked(): boolean;
  /** Work that waits for the broker. When it takes longer than {@link rabbitLimits.confirmMs} the connection is cut, which ends it. */
  inTime<T>(work: () => Promise<T>, tooLate: string): Promise<T>;
  /**
   * The same over a channel of its own, since what goes wrong closes the channel: the broker's answer to a question may be an error.
   * Rejects also when the connection is blocked meanwhile, without cutting it.
   */
  aside<T>(work: (channel: Channel) => Promise<T>): Promise<T>;
  /** Ends it without a goodbye. */
  cut(reason: string): void;
  /** Says goodbye, or cuts the connection when nobody answers. */
  close(): Promise<void>;
}

/**
 * Connects and logs in. Rejects when that fails or takes too long. amqplib's timeout measures silence, which a peer that trickles never
 * reaches; its `close`, of a connection and of a channel, waits for an answer, also when there is nothing left that could give one. So the end of every
 * wait here is to cut the socket, and whoever waits for something of the connection is told that it has ended.
 */
export async function openRabbitConnection(url: string): Promise<RabbitConnection> {
  const socket = new AbortController();
  const tooLong = setTimeout(cutFor(socket, 'no answer in time'), rabbitLimits.connectMs);
  try {
    const options = { noDelay: true, signal: socket.signal };
    const opening = connect(withHeartbeat(url), options);
    // The library settles its promise when the socket emits `close`. If the socket closed before the library listened, the promise never settles, and
    // the abort ends the wait.
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
  // What ends a connection or a channel reaches whoever waits for it; an error without a listener would end the process as well.
  model.on('error', () => undefined);
  model.on('blocked', () => void (blocked = true));
  model.on('unblocked', () => void (blocked = false));
  const waiting = new Set<(reason: unknown) => void>();
  const closed = new Promise<void>((resolve) => model.once('close', () => resolve()));
  void closed.then(() => {
    over = true;
    for (const tell of waiting) tell(socket.signal.reason ?? new Error('the connection has ended'));
  });
  const inTime = async <T>(work: () => Promise<T>, tooLate: string): Promise<T> => {
    const { promise: ended, reject: tell } = Promise.withResolvers<never>();
    waiting.add(tell);
    const tooLong = setTimeout(cutFor(socket, tooLate), rabbitLimits.confirmMs);
    // The cut makes the library reject the work. This second timer ends the wait if the library misses the end of the socket.
    const missed = setTimeout(() => tell(new Error(tooLate)), rabbitLimits.confirmMs + rabbitLimits.closeMs);
    try {
      return await Promise.race([work(), ended]);
    } finally {
      waiting.delete(tell);
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
    aside: (work) => inTime(() => unlessBlocked(model, asideOf(model, work)), 'no answer in time'),
    cut: (reason) => cutFor(socket, reason)(),
    close: async () => {
      over = true;
      const tooLong = setTimeout(cutFor(socket, 'no goodbye in time'), rabbitLimits.closeMs);
      // What it returns is settled by the broker's goodbye alone, and never when the socket is cut.
      model.close().catch(() => undefined);
      // The cut ends the connection, unless the library misses the end of the socket.
      const { promise: missed, resolve } = Promise.withResolvers<void>();
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
    // It throws when the broker has closed it already.
    await channel.close().catch(() => undefined);
  }
}

/** Nothing is answered on a blocked connection until it is unblocked, so that nobody need wait for the whole bound. */
async function unlessBlocked<T>(model: ChannelModel, work: Promise<T>): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const tell = (): void => reject(new Error('the broker takes nothing'));
  model.once('blocked', tell);
  try {
    return await Promise.race([work, promise]);
  } finally {
    model.off('blocked', tell);
  }
}

/** Rejects with the reason once the signal is aborted. */
function abortOf(signal: AbortSignal): Promise<never> {
  const { promise, reject } = Promise.withResolvers<never>();
  signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  return promise;
}

function cutFor(socket: AbortController, reason: string): () => void {
  return () => socket.abort(new Error(reason));
}

/** What the operator wrote into the address goes first. */
function withHeartbeat(text: string): string {
  const url = new URL(text);
  if (!url.searchParams.has('heartbeat')) {
    url.searchParams.set('heartbeat', String(rabbitLimits.heartbeatSeconds));
  }
  return url.href;
}
