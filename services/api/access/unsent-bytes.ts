import { responseLimits } from '../limits.ts';
import type { HolderPath, Holding, Shares } from './shares.ts';

/** The buffers of one event stream that its reader has not received yet. */
export interface UnsentBytes {
  /**
   * Counts buffers before they are sent. Throws `busy` when the share of the stream's holder is exhausted. Buffers that
   * were counted before the error stay counted until `release`.
   */
  take(buffers: readonly Uint8Array[]): void;
  /**
   * Stops counting the buffers that the connection no longer holds. Call it only after every counted buffer was passed
   * to the connection.
   */
  giveBack(): void;
  /** Stops counting all buffers, and ignores later ones, because the response was sent. Idempotent. */
  release(): void;
}

/** The streams of one holder that have not sent a certain buffer yet. The buffer is in memory once for all of them. */
interface Counted {
  streams: number;
  readonly holding: Holding;
}

/** One buffer of a stream. `giveBack` is null if the buffer is not counted. */
interface Held {
  readonly bytes: number;
  readonly giveBack: (() => void) | null;
}

/**
 * Counts the buffers of event streams against the response shares of their holders. A buffer that several streams of
 * one holder send is counted once, because it is in memory once. A buffer that two holders send is counted for each of
 * them, so the count is never below the memory in use. The first {@link responseLimits.uncountedBytes} of each stream
 * are not counted, as for any other response.
 */
export class UnsentBuffers {
  readonly #shares: Shares;
  readonly #counted = new WeakMap<Uint8Array, Map<string, Counted>>();

  constructor(shares: Shares) {
    this.#shares = shares;
  }

  /** @param inConnection returns the number of bytes in the stream's connection that the kernel has not accepted yet */
  open(path: HolderPath, inConnection: () => number): UnsentBytes {
    // In the order of sending, the oldest buffer first.
    const held: Held[] = [];
    let uncounted = 0;
    let isOver = false;
    const give = (count: number): void => {
      for (const { bytes, giveBack } of held.splice(0, count)) {
        if (giveBack === null) uncounted -= bytes;
        else giveBack();
      }
    };
    return {
      take: (buffers) => {
        if (isOver) return;
        for (const buffer of buffers) {
          const bytes = buffer.byteLength;
          const isCounted = uncounted + bytes > responseLimits.uncountedBytes;
          held.push({ bytes, giveBack: isCounted ? this.#count(path, buffer) : null });
          if (!isCounted) uncounted += bytes;
        }
      },
      giveBack: () => {
        let rest = inConnection();
        let sent = held.length;
        // A connection keeps a whole buffer until its last byte was accepted, and sends the newest buffers last.
        for (; sent > 0 && rest > 0; sent--) rest -= held[sent - 1]?.bytes ?? 0;
        give(sent);
      },
      release: () => {
        isOver = true;
        give(held.length);
      },
    };
  }

  #count(path: HolderPath, buffer: Uint8Array): () => void {
    // Names of holders contain no spaces.
    const holder = path.join(' ');
    const holders = this.#counted.get(buffer) ?? new Map<string, Counted>();
    const counted = holders.get(holder) ?? { streams: 0, holding: this.#shares.open(path) };
    if (counted.streams === 0) counted.holding.take(buffer.byteLength);
    counted.streams++;
    holders.set(holder, counted);
    this.#counted.set(buffer, holders);
    return () => {
      if (--counted.streams > 0) return;
      counted.holding.release();
      holders.delete(holder);
    };
  }
}
