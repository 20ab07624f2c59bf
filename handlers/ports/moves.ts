import { z } from 'zod';

import { Generation, type ReleaseId } from '@pointsman/protocol/identifiers';
import { SinkNotification } from '../contract/sink.ts';
import {
  type HoldRequest,
  type HoldResult,
  type MoveRequest,
  type MoveResult,
  SwapResult,
} from '../contract/tenant.ts';
import type { StageTimes } from './stages.ts';

/** The port that moves pointers. The rules of ports/deps.ts apply here too. */

export interface MoveByRelease extends ReleaseId {
  readonly channel: string;
  /**
   * The generation in the durable state. The database moves the pointer only if it has the same generation
   * (compare-and-set).
   */
  readonly expectedGeneration: number;
  readonly at: number;
}

/** The sinks to notify of a move. The field is missing in journals from versions without sinks. */
export const SinkNotifications = z.object({ sinksToNotify: z.array(SinkNotification) });
export type SinkNotifications = z.infer<typeof SinkNotifications>;

const [Moved, ...NotMoved] = SwapResult.options;

export const PointerMove = z.discriminatedUnion('kind', [
  Moved.extend(SinkNotifications.partial().shape),
  ...NotMoved,
  /**
   * The database has a different generation, and the release does not require a certain one. The caller must
   * adopt this generation and retry.
   */
  z.object({ kind: z.literal('state_behind'), generation: Generation }),
]);
export type PointerMove = z.infer<typeof PointerMove>;

export interface Moves {
  /**
   * Moves the pointer for a release, in one transaction that also notifies listeners. Idempotent: a repeated
   * call returns the recorded move.
   */
  moveByRelease(request: MoveByRelease): Promise<PointerMove>;
  /** Promotes or rolls back, in one transaction. */
  moveByHand(
    request: MoveRequest & { tenant: string; at: number },
  ): Promise<MoveResult & Partial<SinkNotifications>>;
  setHold(request: HoldRequest & { tenant: string; at: number }): Promise<HoldResult>;
  /** Records in the ledger that the move was announced. */
  announce(id: ReleaseId, times: StageTimes): Promise<void>;
}
