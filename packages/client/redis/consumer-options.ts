import type { Log } from '../log.ts';

import type { Known } from '@pointsman/protocol/moves/move-cursor';
import type { MoveEvent } from '@pointsman/protocol/moves/move-event';
import type { Garbage } from '@pointsman/protocol/redis/stream-entry';

export interface MoveConsumerOptions {
  readonly url: string;
  readonly log: Log;
  /**
   * The name of the consumer group. The consumers of a group share the work: each entry is delivered to only
   * one of them.
   */
  readonly group: string;
  /** The name of this consumer in its group. It must stay the same after a restart. */
  readonly consumer: string;
  /**
   * The numbers of the shared streams to read. Default: all of them. Moves stay in order only if a single
   * consumer of the group reads a stream.
   */
  readonly partitions?: readonly number[];
  /**
   * Needed if the worker runs with POINTSMAN_REDIS_STREAMS=`per-tenant`: the tenants whose own streams are
   * read. The shared streams are then not read.
   */
  readonly ownStreamsOf?: readonly string[];
  /** Selects the tenants whose moves are applied. Default: all tenants. */
  readonly wants?: (tenant: string) => boolean;
  /**
   * Returns the tenants that `wants` selects. Called when an event was missed and it is unknown of which
   * tenant.
   */
  tenants(): Promise<readonly string[]>;
  /**
   * Applies an event. The event is acknowledged when the promise resolves. After a crash, it may be called
   * again for an event that was already applied.
   */
  apply(event: MoveEvent, signal: AbortSignal): Promise<void>;
  /**
   * Brings the tenant to its current state. Returns a sequence number: the state must include all moves up to
   * it. For that, read the tenant's latest sequence number before its pointers. If the result also contains
   * the generations of the pointers, no pointer can go back to an older one.
   */
  snapshot(tenant: string, signal: AbortSignal): Promise<Known>;
  /**
   * Returns the position that the program has stored for a tenant. If it returns null, or the function is not
   * given, the consumer starts with a snapshot of the tenant.
   */
  position?(tenant: string, signal: AbortSignal): Promise<Known | null>;
  /** Called for an entry that can never be applied. It was acknowledged so that it is not delivered again. */
  rejected?(entry: RejectedEntry): void;
  /** Time limits that replace the defaults. */
  readonly timings?: Partial<ConsumerTimings>;
}

export interface ConsumerTimings {
  readonly claimIdleMs: number;
  readonly claimEveryMs: number;
  readonly handlerMs: number;
}

export interface RejectedEntry {
  readonly stream: string;
  readonly id: string;
  readonly why: Rejection;
}

export type Rejection =
  | Garbage
  /**
   * The sequence number of the event is higher than that of the tenant's latest move.
   */
  | 'ahead'
  /** The pointer already has a higher generation than the event. */
  | 'stale';

export interface ConsumerCounts {
  applied: number;
  /** Events that the known state of their tenant already included. */
  duplicates: number;
  rejected: number;
  /** Test events, with which an operator checks the delivery. */
  tests: number;
  /** How many times the consumer detected that an event may have been missed. */
  gaps: number;
  snapshots: number;
  /**
   * Entries that were taken over from another consumer of the group, because it did not acknowledge them in
   * time.
   */
  reclaimed: number;
  /**
   * Events that failed in all attempts, together with the snapshots that should have replaced them. They are
   * not acknowledged, and they are retried later.
   */
  failed: number;
}
