import type { MoveEvent } from '../../core/moves/move-event.ts';

/** What an operator may send through a sink to see that it arrives. No consumer acts on it. */
export interface TestEvent extends Omit<MoveEvent, 'type' | 'data'> {
  readonly type: typeof SINK_TEST;
  readonly data: { readonly tenant: string; readonly sink: string };
}

/** The `type` of {@link TestEvent}. */
export const SINK_TEST = 'pointsman.sink.test';

export type SinkEvent = MoveEvent | TestEvent;

/** Events of one tenant, in the order in which they are to arrive. */
export interface Batch<Event extends SinkEvent = SinkEvent> {
  readonly tenant: string;
  readonly events: readonly Event[];
  /** Wall time of the first try, in epoch milliseconds: a repeated try is given the same. */
  readonly atMs: number;
  /** What the target said of where it stands after the last batch of this writer, whatever tenant's that was; null at first. */
  readonly position: string | null;
  /** Whether an event that nobody is there to take counts as not delivered. */
  readonly mustBeTaken: (event: Event) => boolean;
}

export interface Sent {
  /** So many of the batch, from its front, have arrived for good. */
  readonly count: number;
  /** Where the target stands after those. */
  readonly position: string | null;
  /** Why it went no further; null when all have arrived. Of the next event nothing is known: it may have arrived, too. */
  readonly stopped: Stopped | null;
}

export type Stopped =
  /** Worth another try; not before that time, when one is given. Words may be shown to the tenant: no host or user of the platform's. */
  | { readonly kind: 'later'; readonly reason: string; readonly retryAfterMs: number | null }
  /**
   * Nobody is there to take this tenant's event: worth another try, for which no other tenant waits. `proven`: the sink has answered for an
   * event of the batch, which shows that it is well.
   */
  | { readonly kind: 'undelivered'; readonly reason: string; readonly proven: boolean }
  /** The other side wants nothing more. */
  | { readonly kind: 'gone'; readonly reason: string };

export type Health = { readonly kind: 'well' } | { readonly kind: 'down'; readonly reason: string };

/**
 * A broker as a place where events go. There is one writer for each partition, which repeats a batch that it knows nothing of: with the
 * same position and the same events in front, perhaps with more of them behind.
 */
export interface SinkTarget {
  /** Ends within its own limits. Never rejects: unknown is `later`. */
  send(batch: Batch): Promise<Sent>;
  /** Whether an event would be taken right now. The same. */
  probe(): Promise<Health>;
  close(): Promise<void>;
}
