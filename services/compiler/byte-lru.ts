/** A map that forgets what was used longest ago once it holds too much. */
export interface ByteLru<V> {
  readonly get: (key: string) => V | undefined;
  /** Something larger than the whole is not kept. */
  readonly set: (key: string, value: V, bytes: number) => void;
  readonly dropOldest: () => void;
  /** What it holds. */
  readonly bytes: number;
}

export function byteLru<V>(maxBytes: number, maxEntries = Number.POSITIVE_INFINITY): ByteLru<V> {
  // A Map keeps the order of insertion: what is used is put in again, so that the oldest use is always first.
  const entries = new Map<string, { value: V; bytes: number }>();
  let held = 0;
  const remove = (key: string): void => {
    held -= entries.get(key)?.bytes ?? 0;
    entries.delete(key);
  };
  return {
    get bytes() {
      return held;
    },
    dropOldest: () => {
      const [oldest] = entries.keys();
      if (oldest !== undefined) remove(oldest);
    },
    get: (key) => {
      const entry = entries.get(key);
      if (!entry) return undefined;
      entries.delete(key);
      entries.set(key, entry);
      return entry.value;
    },
    set: (key, value, bytes) => {
      remove(key);
      if (bytes > maxBytes) return;
      entries.set(key, { value, bytes });
      held += bytes;
      for (const oldest of entries.keys()) {
        if (held <= maxBytes && entries.size <= maxEntries) break;
        remove(oldest);
      }
    },
  };
}
