/** One read of something, and the one that comes after it. */
interface Turn<V> {
  /** It has ended, or takes so long that nobody is to wait behind it. */
  readonly over: Promise<void>;
  /** For those who have asked while it was under way. */
  next: Promise<V> | null;
}

/**
 * Reads for many who ask for the same thing at once: one read is under way, and all who ask meanwhile share the one after it. None is
 * given what was read before they asked, so that whoever is told of a change, and then asks, finds it.
 */
export function sharedReads<K, V>({
  keyOf,
  read,
  patienceMs,
}: {
  /** Equal keys share reads. */
  readonly keyOf: (key: K) => string;
  readonly read: (key: K) => Promise<V>;
  /** How long anybody waits for a read that is not theirs. */
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
  // A failure is for those who share the read; the next one is another.
  const ended = reading.then(
    () => undefined,
    () => undefined,
  );
  await Promise.race([ended, late]);
  clearTimeout(timer);
}
