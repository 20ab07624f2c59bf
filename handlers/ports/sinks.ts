import { z } from 'zod';

import type { Broker, SinkId } from '../../core/sink.ts';
import type {
  DownSink,
  SendResult,
  SendRequest,
  SinkWake,
  ControlResult,
  ControlRequest,
} from '../contract/sink.ts';

/** What the one who tells the world of moves needs of it. As in deps.ts: each method is one call of one durable step. */

/** The tries that have failed since something last arrived. */
export const Failing = z.object({
  failures: z.number().int().min(1),
  sinceMs: z.number(),
  /** Nobody else's wake is a reason to try before that time. */
  retryAtMs: z.number(),
});
export type Failing = Readonly<z.infer<typeof Failing>>;

/** What a writer hands its target, so that a try which is repeated is known there as the same one. */
export const DeliveryAttempt = z.object({
  /** Where its target stands; null where that is in doubt, and the target has to look. */
  position: z.string().nullable(),
  /** When that was first tried. */
  atMs: z.number(),
});
export type DeliveryAttempt = Readonly<z.infer<typeof DeliveryAttempt>>;

export interface DeliverRequest extends SinkId, DeliveryAttempt {
  /** Up to that number all is delivered, as far as the writer remembers; null where it does not. The record knows better. */
  readonly after: number | null;
  readonly failing: Failing | null;
  /** In [0, 1), for the wait after a failure. */
  readonly random01: number;
}

/** `seq`: up to that number all is delivered. */
export type Delivered =
  /** Nothing is due, or somebody has paused it. */
  | { readonly kind: 'idle'; readonly seq: number; readonly position: string | null }
  /** `more`: perhaps something is still due. */
  | {
      readonly kind: 'delivered';
      readonly seq: number;
      readonly position: string | null;
      readonly more: boolean;
    }
  /** To be tried again after a while. Not `whole`: only this tenant's events are not taken, and others of the writer go on. */
  | {
      readonly kind: 'failed';
      readonly seq: number;
      readonly position: string | null;
      readonly failing: Failing;
      readonly waitMs: number;
      readonly whole: boolean;
      readonly reason: string;
    }
  /** It was deleted, or this worker knows no such broker. */
  | { readonly kind: 'gone' };

export type Controlled =
  | Exclude<ControlResult, { kind: 'done' }>
  | (Extract<ControlResult, { kind: 'done' }> & {
      /** Up to that number all counts as delivered now. */
      readonly seq: number;
      readonly latest: number;
    });

export type Probed =
  | { readonly kind: 'well' }
  /** The broker answers again. The partition counts as failing until the moves that are due have arrived. */
  | { readonly kind: 'due'; readonly reason: string }
  | { readonly kind: 'down'; readonly reason: string };

export interface Sinks {
  /** Reads what is due, hands it to the target, and records what has become of it. */
  deliver(request: DeliverRequest): Promise<Delivered>;
  /** One transaction. Repeated under its key it finds itself. */
  steer(request: ControlRequest & { at: number }): Promise<Controlled>;
  /** One try at one event, beside the cursor; `eventId` is a test's. */
  send(
    request: SendRequest & DeliveryAttempt & { eventId: string },
  ): Promise<{ readonly answer: SendResult; readonly position: string | null }>;
  /** Others of the same shared stream to whom something is due; none for a webhook. */
  behind(sink: SinkId): Promise<readonly SinkWake[]>;
  /** Looks at those sinks, records what it sees, and answers those that are down. */
  prove(tenant: string, sinks: readonly string[]): Promise<readonly DownSink[]>;
  /** Asks that broker whether it would take a move, and records the result for all tenants of that one's partition. */
  probe(broker: Broker, tenant: string): Promise<Probed>;
}
