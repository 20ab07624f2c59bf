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

/** The port that moves pointers. The rules for all ports at the top of ports/deps.ts apply. */

export interface MoveByRelease extends ReleaseId {
  readonly channel: string;
  /**
   * The pointer's generation according to the Restate state. The database moves the pointer only if it stores
   * the same generation (compare-and-set).
   */
  readonly expectedGeneration: number;
  readonly at: number;
}

/**
 * The notifications that the caller must send after a move, one for each sink. Journals written before sinks
 * existed do not have this field.
 */
export const SinkNotifications = z.object({ sinksToNotify: z.array(SinkNotification) });
export type SinkNotifications = z.infer<typeof SinkNotifications>;

const [Moved, ...NotMoved] = SwapResult.options;

export const PointerMove = z.discriminatedUnion('kind', [
  Moved.extend(SinkNotifications.partial().shape),
  ...NotMoved,
  /**
   * The database stores a different generation than the caller expected, and the author of the release did
   * not require a certain one. The caller must use this generation and retry.
   */
  z.object({ kind: z.literal('state_behind'), generation: Generation }),
]);
export type PointerMove = z.infer<typeof PointerMove>;

export interface Moves {
  /**
   * Moves the pointer to a release and settles the release, in one transaction that also notifies the
   * listeners of the database (NOTIFY). Idempotent: a repeated call returns the recorded move.
   */
  moveByRelease(request: MoveByRelease): Promise<PointerMove>;
  /** Promotes or rolls back a pointer, in one transaction. */
  moveByHand(
    request: MoveRequest & { tenant: string; at: number },
  ): Promise<MoveResult & Partial<SinkNotifications>>;
  setHold(request: HoldRequest & { tenant: string; at: number }): Promise<HoldResult>;
}
