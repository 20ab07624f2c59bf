import { singleFlight } from '../../core/single-flight.ts';

/** A connection that is open, until it is over. */
interface Connection {
  isOver(): boolean;
  close(): Promise<void>;
}

export interface Reconnecting<T extends Connection> {
  /** The open connection, or a new one. Rejects when none can be opened, and after `close`. */
  current(): Promise<T>;
  /** Closes the connection, also one that is being opened. */
  close(): Promise<void>;
}

/** Connects when the connection is first needed, and again when it is needed after it was over. All callers meanwhile share one attempt. */
export function reconnecting<T extends Connection>(open: () => Promise<T>): Reconnecting<T> {
  let last: T | null = null;
  let isClosed = false;
  const opening = singleFlight(async () => (last = await open()));
  const unlessClosed = (connection: T): T => {
    if (isClosed) throw new Error('it is closed');
    return connection;
  };
  return {
    current: async () => {
      if (last !== null && !last.isOver()) return unlessClosed(last);
      if (isClosed) throw new Error('it is closed');
      return unlessClosed(await opening.join());
    },
    close: async () => {
      isClosed = true;
      const { underWay } = opening;
      await (underWay === null ? last : await underWay.catch(() => null))?.close();
    },
  };
}
