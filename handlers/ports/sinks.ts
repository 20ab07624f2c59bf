import { z } from 'zod';

import type { Broker, SinkId } from '@pointsman/protocol/sinks/sink';
import {
  type ControlRequest,
  ControlResult,
  type DownSink,
  type SendRequest,
  type SendResult,
  type SinkNotification,
} from '../contract/sink.ts';

/**
 * The ports of the writers, the objects that deliver moves to sinks. The rules for all ports at the top of
 * ports/deps.ts apply.
 */

/** The consecutive failures since the last successful delivery. */
export const Failing = z.object({
  failures: z.number().int().min(1),
  sinceMs: z.number(),
  /**
   * The earliest time of the next attempt, in epoch milliseconds. A notification of a new move does not start
   * an attempt before this time.
   */
  retryAtMs: z.number(),
});
export type Failing = Readonly<z.infer<typeof Failing>>;

/**
 * The data of a delivery attempt. A repeated attempt has the same data, so that the target can detect
 * duplicates.
 */
export const DeliveryAttempt = z.object({
  /**
   * The position in the target after the last delivery, for example the ID of a stream's last entry. Null if
   * it is not known, in which case the delivery first reads it from the target.
   */
  position: z.string().nullable(),
  /** The time at which this attempt was first made, in epoch milliseconds. */
  atMs: z.number(),
});
export type DeliveryAttempt = Readonly<z.infer<typeof DeliveryAttempt>>;

export interface DeliverRequest extends SinkId, DeliveryAttempt {
  /**
   * The sequence number of the last delivered move, according to the writer's state. If it is null, the
   * number in the database is used.
   */
  readonly after: number | null;
  readonly failing: Failing | null;
  /** A random number in [0, 1), which adds jitter to the wait after a failure. */
  readonly random01: number;
}

/** The result of one delivery attempt. `seq` is the sequence number of the last delivered move. */
export type Delivered =
  /** There was nothing to deliver, because no move is waiting or the sink is paused. */
  | { readonly kind: 'idle'; readonly seq: number; readonly position: string | null }
  /** Moves were delivered. If `more` is true, further moves may be waiting. */
  | {
      readonly kind: 'delivered';
      readonly seq: number;
      readonly position: string | null;
      readonly more: boolean;
    }
  /**
   * The delivery failed, and the writer must retry after `waitMs`. If `whole` is false, the target rejected
   * only the events of this tenant, so the writer continues with its other tenants.
   */
  | {
      readonly kind: 'failed';
      readonly seq: number;
      readonly position: string | null;
      readonly failing: Failing;
      readonly waitMs: number;
      readonly whole: boolean;
      readonly reason: string;
    }
  /** The sink was deleted, or this worker is not configured for the broker. */
  | { readonly kind: 'gone' };

const [Done, ...Refused] = ControlResult.options;

export const Controlled = z.discriminatedUnion('kind', [
  Done.extend({
    /** The sequence number of the last move that counts as delivered after the request. */
    seq: z.number().int(),
    latest: z.number().int(),
  }),
  ...Refused,
]);
export type Controlled = z.infer<typeof Controlled>;

export type Probed =
  | { readonly kind: 'well' }
  /**
   * The broker responds again, but moves are still undelivered. The partition counts as failing until they
   * are delivered.
   */
  | { readonly kind: 'due'; readonly reason: string }
  | { readonly kind: 'down'; readonly reason: string };

export interface Sinks {
  /** Reads the undelivered moves, sends them to the target, and records the result. */
  deliver(request: DeliverRequest): Promise<Delivered>;
  /** Pauses, resumes or rewinds a sink, in one transaction. Idempotent by the request's idempotency key. */
  control(request: ControlRequest & { at: number }): Promise<Controlled>;
  /**
   * Makes one attempt to send one event. The cursor, which records the delivered moves, does not change.
   * `eventId` is used only for a test event.
   */
  send(
    request: SendRequest & DeliveryAttempt & { eventId: string },
  ): Promise<{ readonly answer: SendResult; readonly position: string | null }>;
  /**
   * Returns one notification for each other tenant of the same shared stream that has undelivered moves.
   * Returns an empty list for a webhook.
   */
  listLagging(sink: SinkId): Promise<readonly SinkNotification[]>;
  /** Checks the health of these sinks, records it, and returns the sinks that are down. */
  checkHealth(tenant: string, sinks: readonly string[]): Promise<readonly DownSink[]>;
  /**
   * Checks whether the broker would accept a move, and records the result for all tenants of the partition to
   * which the given tenant belongs.
   */
  probe(broker: Broker, tenant: string): Promise<Probed>;
}
