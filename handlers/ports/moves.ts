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

/** The moves of pointers. The rules of ports/deps.ts apply here too. */

export interface MoveByRelease extends ReleaseId {
  readonly channel: string;
  /** The generation in the durable state. The compare-and-set compares it with the record. */
  readonly expectedGeneration: number;
  readonly at: number;
}

/** The sinks to notify of a move, in addition to the result. Journals older than sinks lack this field. */
export const SinkNotifications = z.object({ sinksToNotify: z.array(SinkNotification) });
export type SinkNotifications = z.infer<typeof SinkNotifications>;

const [Moved, ...NotMoved] = SwapResult.options;

export const PointerMove = z.discriminatedUnion('kind', [
  Moved.extend(SinkNotifications.partial().shape),
  ...NotMoved,
  /**
   * The record has another generation, and the release itself required none. Adopt this generation and try
   * again.
   */
  z.object({ kind: z.literal('state_behind'), generation: Generation }),
]);
export type PointerMove = z.infer<typeof PointerMove>;

export interface Moves {
  /**
   * The swap's single transaction, which also notifies listeners. Idempotent: a repeated call finds its own
   * move.
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
