import type { SinkEvent } from '@pointsman/protocol/moves/sink-event';

/** Events of one tenant, in the order in which they must be delivered. */
export interface Batch<Event extends SinkEvent = SinkEvent> {
  readonly tenant: string;
  readonly events: readonly Event[];
  /**
   * The wall-clock time of the first attempt to deliver this batch, in epoch milliseconds. It does not change when
   * the batch is repeated.
   */
  readonly atMs: number;
  /**
   * The position in the target after the last batch of this writer, which may have been a batch of another tenant. It
   * is null before the first batch.
   */
  readonly position: string | null;
  /** Returns whether the event counts as undelivered if there is no consumer for it. */
  readonly mustBeDelivered: (event: Event) => boolean;
}

export interface Sent {
  /** The number of events at the start of the batch that were delivered without a gap. */
  readonly count: number;
  /** The position in the target after the last delivered event. */
  readonly position: string | null;
  /**
   * The failure that stopped the delivery before the end of the batch. It is null if there was no failure. The event
   * after the delivered ones may or may not have arrived.
   */
  readonly stopped: Stopped | null;
}

export type Stopped =
  /**
   * A temporary failure of the sink. The writer retries, after at least `retryAfterMs` if it is not null. The reason
   * is shown to the tenant, so it must not contain host or user names of the platform.
   */
  | { readonly kind: 'later'; readonly reason: string; readonly retryAfterMs: number | null }
  /**
   * The next event can't be delivered, because there is no consumer for it. It is retried, but other tenants of the
   * sink are not delayed. If `responded` is true, the sink has responded to an event of this batch and is therefore
   * healthy.
   */
  | { readonly kind: 'undelivered'; readonly reason: string; readonly responded: boolean }
  /** The endpoint has permanently refused to accept events. */
  | { readonly kind: 'gone'; readonly reason: string };

export type Health = { readonly kind: 'well' } | { readonly kind: 'down'; readonly reason: string };

/**
 * A broker to which events are delivered. Tenants are divided into partitions, and one writer delivers the events of
 * a partition. If the outcome of a batch is unknown, the writer repeats it with the same position. The repeated batch
 * begins with the same events, and may contain more events after them.
 */
export interface SinkTarget {
  /**
   * Delivers a batch. The promise always resolves, within the target's own time limits. If the outcome is unknown,
   * `stopped` is `later`.
   */
  send(batch: Batch): Promise<Sent>;
  /**
   * Checks whether the target would accept an event now. The promise always resolves, within the target's own time
   * limits.
   */
  probe(): Promise<Health>;
  close(): Promise<void>;
}
