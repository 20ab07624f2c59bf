import { singleFlight } from './single-flight.ts';

/** A connection that is open until `isOver` returns true. */
interface Connection {
  isOver(): boolean;
  close(): Promise<void>;
}

export interface Reconnecting<T extends Connection> {
  /** Returns the open connection, or opens a new one. Rejects if connecting fails, and after `close`. */
  current(): Promise<T>;
  /** Closes the connection, even while it is being opened. */
  close(): Promise<void>;
}

/**
 * Connects on first use, and again on the next use after the connection has ended. Concurrent callers share
 * one attempt.
 */
export function reconnecting<T extends Connection>(open: () => Promise<T>): Reconnecting<T> {
  let last: T | null = null;
  let isClosed = false;
  const opening = singleFlight(async () => (last = await open()));
  const unlessClosed = (connection: T): T => {
    if (isClosed) throw new Error('the connection is closed');
    return connection;
  };
  return {
    current: async () => {
      if (last !== null && !last.isOver()) return unlessClosed(last);
      if (isClosed) throw new Error('the connection is closed');
      return unlessClosed(await opening.join());
    },
    close: async () => {
      isClosed = true;
      const { underWay } = opening;
      await (underWay === null ? last : await underWay.catch(() => null))?.close();
    },
  };
}
