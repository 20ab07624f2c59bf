import { singleFlight } from './single-flight.ts';

/** A connection. It is usable until `isOver` returns true. */
interface Connection {
  isOver(): boolean;
  close(): Promise<void>;
}

export interface Reconnecting<T extends Connection> {
  /**
   * Returns the open connection. Opens a new one if none is open. Rejects if that fails, and after `close`.
   */
  current(): Promise<T>;
  /** Closes the connection, even if it is still being opened. No further connection is opened. */
  close(): Promise<void>;
}

/**
 * Creates a connection that is opened on first use, and again on the next use after it has ended. Concurrent
 * callers share one attempt to connect.
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
