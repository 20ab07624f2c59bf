import type { SinkEvent } from '@pointsman/protocol/moves/sink-event';

/** Events of one tenant, in the order in which they are delivered. */
export interface Batch<Event extends SinkEvent = SinkEvent> {
  readonly tenant: string;
  readonly events: readonly Event[];
  /** The wall-clock time of the first attempt, in epoch milliseconds. A repeated attempt has the same time. */
  readonly atMs: number;
  /** The target's position after this writer's last batch, of any tenant. Null before the first batch. */
  readonly position: string | null;
  /** Returns whether the event counts as undelivered if no consumer receives it. */
  readonly mustBeDelivered: (event: Event) => boolean;
}

export interface Sent {
  /** The number of events that were delivered without a gap, counted from the start of the batch. */
  readonly count: number;
  /** The target's position after those events. */
  readonly position: string | null;
  /**
   * The reason why delivery stopped before the end of the batch. Null if there was no failure. The outcome of the next
   * event is unknown: it may also have been delivered.
   */
  readonly stopped: Stopped | null;
}

export type Stopped =
  /**
   * A temporary failure. Retry, but not before `retryAfterMs` if it is given. The reason may be shown to the tenant, so
   * it contains no host or user of the platform.
   */
  | { readonly kind: 'later'; readonly reason: string; readonly retryAfterMs: number | null }
  /**
   * No consumer can receive this tenant's event. It is retried without blocking other tenants. `responded`: whether the
   * sink has responded for an event of the batch, which proves that it is healthy.
   */
  | { readonly kind: 'undelivered'; readonly reason: string; readonly responded: boolean }
  /** The endpoint permanently rejects further events. */
  | { readonly kind: 'gone'; readonly reason: string };

export type Health = { readonly kind: 'well' } | { readonly kind: 'down'; readonly reason: string };

/**
 * A broker to which events are delivered. Each partition has one writer. The writer repeats a batch whose outcome is
 * unknown, with the same position and the same events at the start. More events may follow them.
 */
export interface SinkTarget {
  /**
   * Delivers a batch. Ends within the target's own time limits. Never rejects: if the outcome is unknown, `stopped` is
   * `later`.
   */
  send(batch: Batch): Promise<Sent>;
  /**
   * Checks whether the target would accept an event now. Ends within the target's own time limits, and never rejects.
   */
  probe(): Promise<Health>;
  close(): Promise<void>;
}
