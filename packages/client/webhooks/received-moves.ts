import { placeAfter } from '@pointsman/protocol/moves/move-cursor';
import type { MoveEvent } from '@pointsman/protocol/moves/move-event';
import { receiverLimits } from './limits.ts';

export type Received =
  | { readonly kind: 'moved'; readonly event: MoveEvent }
  /** A move may have been missed, so the caller must read the pointer from the API. */
  | { readonly kind: 'gap' };

/** One reader of received moves, and the moves that wait for it. */
interface Reader {
  waiting: Received[];
  notify: () => void;
}

/**
 * Passes the received moves to each reader. If too many moves wait for a slow reader, they are dropped, and
 * the reader gets a gap instead.
 */
export class ReceivedMoves {
  readonly #readers = new Set<Reader>();
  /**
   * The highest sequence number that was received from the tenant's feed. One number is enough, because a
   * webhook endpoint receives the moves of only one tenant.
   */
  #last: { readonly tenant: string; readonly seq: number } | null = null;

  push(event: MoveEvent): void {
    const { tenant, seq } = event.data;
    const last = this.#last?.tenant === tenant ? this.#last.seq : null;
    const isGap = last !== null && placeAfter(last, seq) === 'gap';
    // A replay or a manual redelivery sends a move with a lower number. The moves after it were already
    // received, so the number must not decrease.
    this.#last = { tenant, seq: Math.max(seq, last ?? 0) };
    for (const reader of this.#readers) {
      if (reader.waiting.length >= receiverLimits.waiting) reader.waiting = [{ kind: 'gap' }];
      if (isGap) reader.waiting.push({ kind: 'gap' });
      reader.waiting.push({ kind: 'moved', event });
      reader.notify();
    }
  }

  async *read(signal: AbortSignal): AsyncGenerator<Received, void, undefined> {
    const reader: Reader = { waiting: [{ kind: 'gap' }], notify: () => {} };
    const onAbort = (): void => reader.notify();
    this.#readers.add(reader);
    signal.addEventListener('abort', onAbort);
    try {
      while (!signal.aborted) {
        const next = reader.waiting.shift();
        if (next !== undefined) yield next;
        else await new Promise<void>((resolve) => (reader.notify = resolve));
      }
    } finally {
      signal.removeEventListener('abort', onAbort);
      this.#readers.delete(reader);
    }
  }
}
