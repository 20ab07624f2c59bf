import { responseLimits } from '../limits.ts';
import type { HolderPath, Holding, Shares } from './shares.ts';

/** What one event stream holds: buffers that its reader has not taken yet. */
export interface UnsentBytes {
  /**
   * Takes buffers that are to be sent next. Throws `busy` when the share of the stream's holder is exhausted; what was taken before then
   * stays taken until `release`.
   */
  take(buffers: readonly Uint8Array[]): void;
  /** Gives back what the connection no longer holds. For when everything that was taken has been handed to the connection. */
  giveBack(): void;
  /** Gives everything back, and takes nothing from then on: the response has been sent. May be called again. */
  release(): void;
}

/** Streams of one holder that have not sent a buffer yet, which is in memory once for all of them. */
interface Counted {
  streams: number;
  readonly holding: Holding;
}

/** A buffer of one stream. Null for a buffer that is not counted. */
interface Held {
  readonly bytes: number;
  readonly giveBack: (() => void) | null;
}

/**
 * Counts the buffers of event streams in the shares of responses. A buffer that several streams of one holder send is counted once, since
 * it is in memory once. Streams of two holders are each charged for it: what is counted is never less than what is held. Of each stream
 * the first {@link responseLimits.uncountedBytes} are not counted, as of any other response.
 */
export class UnsentBuffers {
  readonly #shares: Shares;
  readonly #counted = new WeakMap<Uint8Array, Map<string, Counted>>();

  constructor(shares: Shares) {
    this.#shares = shares;
  }

  /** `inConnection` is how many bytes the connection of that stream holds which the kernel has not taken. */
  open(path: HolderPath, inConnection: () => number): UnsentBytes {
    // The oldest first.
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
        // A connection keeps a whole buffer until its last byte was taken, and the newest are sent last.
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
    // No name of a holder has a space in it.
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
