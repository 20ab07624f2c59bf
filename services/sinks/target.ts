import type { SinkEvent } from '@pointsman/protocol/moves/sink-event';

/** Events of one tenant, in the order of their delivery. */
export interface Batch<Event extends SinkEvent = SinkEvent> {
  readonly tenant: string;
  readonly events: readonly Event[];
  /** Wall time of the first try, in epoch milliseconds. A repeated try has the same time. */
  readonly atMs: number;
  /** The target's position after this writer's last batch, of any tenant; null at first. */
  readonly position: string | null;
  /** Whether an event that no consumer receives counts as undelivered. */
  readonly mustBeDelivered: (event: Event) => boolean;
}

export interface Sent {
  /** The number of events at the front of the batch that were delivered. */
  readonly count: number;
  /** The target's position after those events. */
  readonly position: string | null;
  /**
   * Why the delivery stopped; null when all events were delivered. The next event has an unknown outcome: it
   * may have been delivered, too.
   */
  readonly stopped: Stopped | null;
}

export type Stopped =
  /**
   * Retry, not before `retryAfterMs` if it is given. The reason may be shown to the tenant, so it contains no
   * host and no user of the platform.
   */
  | { readonly kind: 'later'; readonly reason: string; readonly retryAfterMs: number | null }
  /**
   * No consumer can receive this tenant's event. It is retried, without blocking other tenants. `proven`: the
   * sink has responded for an event of the batch, which proves that it is healthy.
   */
  | { readonly kind: 'undelivered'; readonly reason: string; readonly responded: boolean }
  /** The endpoint permanently rejects further events. */
  | { readonly kind: 'gone'; readonly reason: string };

export type Health = { readonly kind: 'well' } | { readonly kind: 'down'; readonly reason: string };

/**
 * A broker as a target of events. Each partition has one writer. It repeats a batch with an unknown outcome,
 * with the same position and the same events in front, and possibly more events behind them.
 */
export interface SinkTarget {
  /** Ends within its own time limits. Never rejects: an unknown outcome is `later`. */
  send(batch: Batch): Promise<Sent>;
  /** Whether an event would be accepted now. The same time limits apply, and it never rejects. */
  probe(): Promise<Health>;
  close(): Promise<void>;
}
