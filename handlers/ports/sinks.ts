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
 * The ports of the writers that deliver moves to sinks. As in ports/deps.ts, each method is the body of one
 * durable step.
 */

/** The failed attempts since the last successful delivery. */
export const Failing = z.object({
  failures: z.number().int().min(1),
  sinceMs: z.number(),
  /** Before this time, in epoch milliseconds, a notification about further moves does not cause a retry. */
  retryAtMs: z.number(),
});
export type Failing = Readonly<z.infer<typeof Failing>>;

/** Identifies an attempt, so that the target can detect a repeated one. */
export const DeliveryAttempt = z.object({
  /**
   * The current position of the target, for example the last entry ID of a stream. Null if it is uncertain
   * and must be looked up.
   */
  position: z.string().nullable(),
  /** The time of the first attempt, in epoch milliseconds. */
  atMs: z.number(),
});
export type DeliveryAttempt = Readonly<z.infer<typeof DeliveryAttempt>>;

export interface DeliverRequest extends SinkId, DeliveryAttempt {
  /**
   * The writer's cursor: the number up to which moves are delivered. Null if the writer has no cursor; the
   * cursor in the database is then used.
   */
  readonly after: number | null;
  readonly failing: Failing | null;
  /** A random number in [0, 1), for the jitter of the wait after a failure. */
  readonly random01: number;
}

/** The result of one delivery. `seq` is the number up to which moves are delivered. */
export type Delivered =
  /** No move is due, or the sink is paused. */
  | { readonly kind: 'idle'; readonly seq: number; readonly position: string | null }
  /** Moves were delivered. If `more` is true, further moves may be due. */
  | {
      readonly kind: 'delivered';
      readonly seq: number;
      readonly position: string | null;
      readonly more: boolean;
    }
  /**
   * The delivery failed. The writer must retry after `waitMs`. If `whole` is false, the target rejects only
   * this tenant's events, and deliveries for the writer's other tenants continue.
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
  /** The sink was deleted, or this worker has no such broker. */
  | { readonly kind: 'gone' };

const [Done, ...Refused] = ControlResult.options;

export const Controlled = z.discriminatedUnion('kind', [
  Done.extend({
    /** The number up to which moves now count as delivered. */
    seq: z.number().int(),
    latest: z.number().int(),
  }),
  ...Refused,
]);
export type Controlled = z.infer<typeof Controlled>;

export type Probed =
  | { readonly kind: 'well' }
  /**
   * The broker responds again, but moves are due. The partition counts as failing until they have been
   * delivered.
   */
  | { readonly kind: 'due'; readonly reason: string }
  | { readonly kind: 'down'; readonly reason: string };

export interface Sinks {
  /** Reads the due moves, passes them to the target, and records the result. */
  deliver(request: DeliverRequest): Promise<Delivered>;
  /** Applies a request to pause, resume or rewind, in one transaction. Idempotent by its key. */
  control(request: ControlRequest & { at: number }): Promise<Controlled>;
  /**
   * Makes one attempt to send one event, without a change to the cursor. `eventId` is the ID of a test event.
   */
  send(
    request: SendRequest & DeliveryAttempt & { eventId: string },
  ): Promise<{ readonly answer: SendResult; readonly position: string | null }>;
  /** Returns the other tenants of the same shared stream that have due moves. Empty for a webhook. */
  listLagging(sink: SinkId): Promise<readonly SinkNotification[]>;
  /** Checks these sinks, records their status, and returns those that are down. */
  checkHealth(tenant: string, sinks: readonly string[]): Promise<readonly DownSink[]>;
  /**
   * Checks whether the broker would accept a move, and records the result for all tenants of the given
   * tenant's partition.
   */
  probe(broker: Broker, tenant: string): Promise<Probed>;
}
