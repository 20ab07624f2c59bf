import type { Log } from '../log.ts';

import type { Known } from '@pointsman/protocol/moves/move-cursor';
import type { MoveEvent } from '@pointsman/protocol/moves/move-event';
import type { Garbage } from '@pointsman/protocol/redis/stream-entry';

export interface MoveConsumerOptions {
  readonly url: string;
  readonly log: Log;
  /** Consumers with the same group share its work: each entry goes to one of them. */
  readonly group: string;
  /** The name of this consumer in the group. It stays the same after a restart. */
  readonly consumer: string;
  /**
   * The numbers of the streams to read. Default: all. The order of moves holds only if one consumer reads a
   * stream.
   */
  readonly partitions?: readonly number[];
  /**
   * For POINTSMAN_REDIS_STREAMS=`per-tenant`: the tenants whose own streams are read, instead of the shared
   * ones.
   */
  readonly ownStreamsOf?: readonly string[];
  /** Selects the tenants whose moves are applied. Default: all. */
  readonly wants?: (tenant: string) => boolean;
  /** Lists these tenants. Called when an event was missed and its tenant is unknown. */
  tenants(): Promise<readonly string[]>;
  /**
   * Applies an event. When it resolves, the event is acknowledged. After a crash it may be called again for
   * the same event.
   */
  apply(event: MoveEvent, signal: AbortSignal): Promise<void>;
  /**
   * Brings a tenant to the current state, and returns a lower bound of the sequence number that this state
   * includes. Read the latest number before the pointers. If the pointers' generations are returned too, no
   * pointer can go back.
   */
  snapshot(tenant: string, signal: AbortSignal): Promise<Known>;
  /**
   * The program's stored position for a tenant, if it stores one. Null, or no such function, starts with a
   * snapshot.
   */
  position?(tenant: string, signal: AbortSignal): Promise<Known | null>;
  /** Called for an entry that was acknowledged but not applied. */
  rejected?(entry: RejectedEntry): void;
  /** Overrides the default limits. */
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
  /** Its sequence number is higher than the tenant's latest move. */
  | 'ahead'
  /** Its pointer already has a higher generation. */
  | 'stale';

export interface ConsumerCounts {
  applied: number;
  /** Events at or before the known position. */
  duplicates: number;
  rejected: number;
  /** Test events, which are sent to check delivery. */
  tests: number;
  /** How many times an event may have been missed. */
  gaps: number;
  snapshots: number;
  /** Entries taken over from a consumer that has stopped. */
  reclaimed: number;
  /**
   * Events, or the snapshots that replace them, that failed after all tries. They are not acknowledged, and
   * are retried later.
   */
  failed: number;
}
