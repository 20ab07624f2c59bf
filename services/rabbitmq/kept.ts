/** Something that is open, until it is over. */
interface Open {
  isOver(): boolean;
  close(): Promise<void>;
}

export interface Kept<T extends Open> {
  /** The open one, or a new one. Rejects when none can be opened, and once all this is closed. */
  current(): Promise<T>;
  close(): Promise<void>;
}

/** Opens when somebody asks, and again at the next question after it was over. All who come meanwhile wait for the same one. */
export function kept<T extends Open>(open: () => Promise<T>): Kept<T> {
  let last: T | null = null;
  let opening: Promise<T> | null = null;
  let closed = false;
  const orClosed = (opened: T): T => {
    if (closed) throw new Error('it is closed');
    return opened;
  };
  return {
    current: async () => {
      if (last !== null && !last.isOver()) return orClosed(last);
      if (closed) throw new Error('it is closed');
      opening ??= open()
        .then((opened) => (last = opened))
        .finally(() => (opening = null));
      return orClosed(await opening);
    },
    close: async () => {
      closed = true;
      await (opening === null ? last : await opening.catch(() => null))?.close();
    },
  };
}
