import type { Logger } from 'pino';

import type { Known } from '../../core/moves/move-cursor.ts';
import type { MoveEvent } from '../../core/moves/move-event.ts';
import type { Garbage } from './stream-entry.ts';

export interface MoveConsumerOptions {
  readonly url: string;
  readonly log: Logger;
  /** Those who share one group share its work: each entry goes to one of them. */
  readonly group: string;
  /** This one's name in it: the same after a restart. */
  readonly consumer: string;
  /** Numbers of the streams to read; all of them by default. Order holds for who reads a stream alone. */
  readonly partitions?: readonly number[];
  /** Where POINTSMAN_REDIS_STREAMS is `per-tenant`: the tenants whose own streams to read, instead of shared ones. */
  readonly ownStreamsOf?: readonly string[];
  /** Whose moves this program is for; everybody's by default. */
  readonly wants?: (tenant: string) => boolean;
  /** All those: asked when something was missed of which nobody can say whose it was. */
  tenants(): Promise<readonly string[]>;
  /** The event has had its effect when this resolves: then it is acknowledged. It may come once more after a crash. */
  apply(event: MoveEvent, signal: AbortSignal): Promise<void>;
  /**
   * Brings a tenant to what is true now, and says up to which number of its feed that holds at least: the latest number has to be read before the
   * pointers. To be told their generations as well makes sure that none goes back.
   */
  snapshot(tenant: string, signal: AbortSignal): Promise<Known>;
  /** What this program has of a tenant already, when it keeps that; null, or no such function, to begin with a snapshot. */
  position?(tenant: string, signal: AbortSignal): Promise<Known | null>;
  /** An entry that was acknowledged and not applied. */
  rejected?(entry: RejectedEntry): void;
  /** Instead of the limits' own. */
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
  /** Its number is further than its tenant's feed is. */
  | 'ahead'
  /** Its pointer has been further. */
  | 'stale';

export interface ConsumerCounts {
  applied: number;
  /** At or before what was known. */
  duplicates: number;
  rejected: number;
  /** Sent to see whether they arrive. */
  tests: number;
  /** Moments at which something may have been missed. */
  gaps: number;
  snapshots: number;
  /** Taken over from a consumer that is gone. */
  reclaimed: number;
  /** Events, or snapshots in their place, that failed again and again: not acknowledged, and tried later. */
  failed: number;
}
