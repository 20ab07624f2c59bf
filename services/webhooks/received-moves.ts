import { placeAfter } from '../../core/moves/move-cursor.ts';
import type { MoveEvent } from '../../core/moves/move-event.ts';
import { receiverLimits } from './limits.ts';

export type Received =
  | { readonly kind: 'moved'; readonly event: MoveEvent }
  /** Something may have been missed: look at the pointer itself. */
  | { readonly kind: 'gap' };

/** One reader, with what waits for it. */
interface Reader {
  waiting: Received[];
  wake: () => void;
}

/** Hands what arrives to each reader. A reader that is slower than the world loses what it has not read, and is told of it. */
export class ReceivedMoves {
  readonly #readers = new Set<Reader>();
  /** The last number that was seen of a feed, whose numbers have no gaps. One tenant's, since one endpoint is one tenant's. */
  #last: { readonly tenant: string; readonly seq: number } | null = null;

  push(event: MoveEvent): void {
    const { tenant, seq } = event.data;
    const last = this.#last?.tenant === tenant ? this.#last.seq : null;
    const isGap = last !== null && placeAfter(last, seq) === 'gap';
    // What is delivered once more, by a replay or by hand, goes back, and what follows has been seen.
    this.#last = { tenant, seq: Math.max(seq, last ?? 0) };
    for (const reader of this.#readers) {
      if (reader.waiting.length >= receiverLimits.waiting) reader.waiting = [{ kind: 'gap' }];
      if (isGap) reader.waiting.push({ kind: 'gap' });
      reader.waiting.push({ kind: 'moved', event });
      reader.wake();
    }
  }

  async *read(signal: AbortSignal): AsyncGenerator<Received, void, undefined> {
    const reader: Reader = { waiting: [{ kind: 'gap' }], wake: () => {} };
    const onAbort = (): void => reader.wake();
    this.#readers.add(reader);
    signal.addEventListener('abort', onAbort);
    try {
      while (!signal.aborted) {
        const next = reader.waiting.shift();
        if (next !== undefined) yield next;
        else await new Promise<void>((resolve) => (reader.wake = resolve));
      }
    } finally {
      signal.removeEventListener('abort', onAbort);
      this.#readers.delete(reader);
    }
  }
}
