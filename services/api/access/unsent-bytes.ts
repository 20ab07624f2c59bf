import { responseLimits } from '../limits.ts';
import type { HolderPath, Holding, Shares } from './shares.ts';

/** Counts the buffers of one event stream that its reader has not received yet. */
export interface UnsentBytes {
  /**
   * Counts buffers before they are sent. Throws `busy` when the caller's share of response memory is exhausted. Buffers that were counted
   * before the error stay counted until `release`.
   */
  take(buffers: readonly Uint8Array[]): void;
  /** Stops counting the buffers that the connection has sent. Call it only after all counted buffers were passed to the connection. */
  giveBack(): void;
  /** Stops counting all buffers of the stream, because its response has ended. Buffers that are passed later are ignored. Idempotent. */
  release(): void;
}

/** Counts how many streams of one caller have not sent a given buffer yet. The streams share the buffer, so it is in memory only once. */
interface Counted {
  streams: number;
  readonly holding: Holding;
}

/** One buffer of a stream. `giveBack` stops counting the buffer, and is null if the buffer is not counted. */
interface Held {
  readonly bytes: number;
  readonly giveBack: (() => void) | null;
}

/**
 * Counts the unsent buffers of event streams against their callers' shares of response memory. A buffer that several streams of one caller
 * send is counted once, because it is in memory once. A buffer that streams of two callers send is counted for both callers, so the total
 * is never below the memory in use. The first {@link responseLimits.uncountedBytes} of each stream are not counted, as in any other
 * response.
 */
export class UnsentBuffers {
  readonly #shares: Shares;
  readonly #counted = new WeakMap<Uint8Array, Map<string, Counted>>();

  constructor(shares: Shares) {
    this.#shares = shares;
  }

  /**
   * @param inConnection returns the number of bytes of the stream that were written to the connection but not yet accepted by the kernel
   */
  open(path: HolderPath, inConnection: () => number): UnsentBytes {
    // The buffers in the order in which they are sent, the oldest first.
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
        // The connection sends buffers in order, and keeps each one in memory until its last byte is accepted. Bytes that are not accepted
        // yet therefore belong to the newest buffers.
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
    // A space separates the names safely, because names of tenants and IDs of tokens contain no spaces.
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
