/** The read of a key that is in progress, and the read that follows it. */
interface Turn<V> {
  /** Resolves when the read has ended, or when callers have waited for it for `patienceMs`. */
  readonly over: Promise<void>;
  /** The next read. All callers that arrive during the current read share it. Null until the first of them arrives. */
  next: Promise<V> | null;
}

/**
 * Shares reads of the same key among concurrent callers. All callers that arrive while a read is in progress share the next read. A caller
 * therefore never gets a result that was read before its call. For example, a caller that reads after a notification sees the change.
 */
export function sharedReads<K, V>({
  keyOf,
  read,
  patienceMs,
}: {
  /** Returns the name of a key. Keys with equal names share reads. */
  readonly keyOf: (key: K) => string;
  readonly read: (key: K) => Promise<V>;
  /** The maximum time in milliseconds that callers wait for a read in progress. After that, the next read starts. */
  readonly patienceMs: number;
}): (key: K) => Promise<V> {
  const turns = new Map<string, Turn<V>>();

  const begin = (key: K, name: string): Promise<V> => {
    const reading = read(key);
    const turn: Turn<V> = { over: overWithin(reading, patienceMs), next: null };
    turns.set(name, turn);
    void turn.over.then(() => {
      if (turn.next === null) turns.delete(name);
    });
    return reading;
  };

  return (key) => {
    const name = keyOf(key);
    const turn = turns.get(name);
    if (turn === undefined) return begin(key, name);
    return (turn.next ??= turn.over.then(() => begin(key, name)));
  };
}

async function overWithin(reading: Promise<unknown>, patienceMs: number): Promise<void> {
  const { promise: late, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, patienceMs);
  // A failed read rejects only for the callers that share it. The next read starts regardless of the failure.
  const ended = reading.then(
    () => undefined,
    () => undefined,
  );
  await Promise.race([ended, late]);
  clearTimeout(timer);
}
