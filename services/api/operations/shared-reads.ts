/** The current read of a key, and the next one. */
interface Turn<V> {
  /** Resolves when the read has ended, or when callers have waited for it as long as they may. */
  readonly over: Promise<void>;
  /** The next read, shared by all callers that arrived during this one. Null if there is no such caller. */
  next: Promise<V> | null;
}

/**
 * Shares reads of the same key among concurrent callers. One read is in progress, and all callers that arrive during it
 * share the next one. A caller never gets a result that was read before its call, so a caller that reads after a
 * notification sees the change.
 */
export function sharedReads<K, V>({
  keyOf,
  read,
  patienceMs,
}: {
  /** Returns a name for the key. Keys with equal names share reads. */
  readonly keyOf: (key: K) => string;
  readonly read: (key: K) => Promise<V>;
  /** How long a caller waits for another caller's read. */
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
  // A failure reaches only the callers that share this read; the next read is independent.
  const ended = reading.then(
    () => undefined,
    () => undefined,
  );
  await Promise.race([ended, late]);
  clearTimeout(timer);
}
