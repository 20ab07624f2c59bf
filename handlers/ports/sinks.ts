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
 * Interfaces of the writers that deliver moves to sinks. As in ports/deps.ts, each method is the body of one
 * durable step.
 */

/** The failed tries since the last successful delivery. */
export const Failing = z.object({
  failures: z.number().int().min(1),
  sinceMs: z.number(),
  /** Before this time, a notification about other moves does not cause a retry. */
  retryAtMs: z.number(),
});
export type Failing = Readonly<z.infer<typeof Failing>>;

/** Passed by a writer to its target, which uses it to detect a repeated try. */
export const DeliveryAttempt = z.object({
  /** The current position of the target. Null when it is uncertain and the target must look it up. */
  position: z.string().nullable(),
  /** The time of the first try. */
  atMs: z.number(),
});
export type DeliveryAttempt = Readonly<z.infer<typeof DeliveryAttempt>>;

export interface DeliverRequest extends SinkId, DeliveryAttempt {
  /**
   * The writer's cursor: the moves up to this number are delivered. Null when the writer has no cursor; the
   * record is then authoritative.
   */
  readonly after: number | null;
  readonly failing: Failing | null;
  /** In [0, 1), for the jitter of the wait after a failure. */
  readonly random01: number;
}

/** `seq`: the moves up to this number are delivered. */
export type Delivered =
  /** No move is due, or the sink is paused. */
  | { readonly kind: 'idle'; readonly seq: number; readonly position: string | null }
  /** `more`: further moves may be due. */
  | {
      readonly kind: 'delivered';
      readonly seq: number;
      readonly position: string | null;
      readonly more: boolean;
    }
  /**
   * Retry after `waitMs`. If `whole` is false, the target rejects only this tenant's events, and the writer's
   * other tenants continue.
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
    /** The moves up to this number now count as delivered. */
    seq: z.number().int(),
    latest: z.number().int(),
  }),
  ...Refused,
]);
export type Controlled = z.infer<typeof Controlled>;

export type Probed =
  | { readonly kind: 'well' }
  /** The broker responds again. The partition counts as failing until the due moves have been delivered. */
  | { readonly kind: 'due'; readonly reason: string }
  | { readonly kind: 'down'; readonly reason: string };

export interface Sinks {
  /** Reads the due moves, passes them to the target, and records the result. */
  deliver(request: DeliverRequest): Promise<Delivered>;
  /** One transaction. Idempotent under its key. */
  control(request: ControlRequest & { at: number }): Promise<Controlled>;
  /** One try to send one event, without a change to the cursor. `eventId` is used for a test event. */
  send(
    request: SendRequest & DeliveryAttempt & { eventId: string },
  ): Promise<{ readonly answer: SendResult; readonly position: string | null }>;
  /** The other tenants of the same shared stream with due moves. Empty for a webhook. */
  listLagging(sink: SinkId): Promise<readonly SinkNotification[]>;
  /** Checks these sinks, records their status, and returns those that are down. */
  checkHealth(tenant: string, sinks: readonly string[]): Promise<readonly DownSink[]>;
  /**
   * Checks whether the broker would accept a move, and records the result for all tenants of this tenant's
   * partition.
   */
  probe(broker: Broker, tenant: string): Promise<Probed>;
}
