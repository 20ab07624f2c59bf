import { z } from 'zod';

import type { ReleaseId } from '@pointsman/protocol/identifiers';
import { Effect, FailedOutcome, type Stage } from '@pointsman/protocol/releases/release';
import { ReleaseResult } from '../contract/release.ts';

/**
 * The port that closes and settles releases in the database. The rules for all ports at the top of
 * ports/deps.ts apply.
 */

export const Closing = z.discriminatedUnion('kind', [
  /**
   * The release is closed, so it can cause no further effects. The caller must undo the listed effects,
   * starting with the last one.
   */
  z.object({
    kind: z.literal('closing'),
    outcome: FailedOutcome,
    reason: z.string(),
    effects: z.array(Effect),
  }),
  /** The release has settled before, for example because its pointer has moved. */
  ReleaseResult.extend({ kind: z.literal('settled') }),
]);
export type Closing = z.infer<typeof Closing>;

export interface CloseRequest {
  readonly outcome: FailedOutcome;
  /**
   * If true, and the database has recorded that the release must be superseded or cancelled, the release gets
   * that outcome instead of `outcome`.
   */
  readonly yieldsToIntent: boolean;
  readonly reason: string;
  /** The stage in which the release stopped. Null if the stage is unknown. */
  readonly stage: Stage | null;
  readonly at: number;
}

export interface Settlements {
  close(id: ReleaseId, request: CloseRequest): Promise<Closing>;
  /** Undoes one effect of a closed release, if it has not been undone yet. */
  undo(id: ReleaseId, effect: Effect): Promise<void>;
  recordUndoFailure(id: ReleaseId, effect: Effect, reason: string): Promise<void>;
  /** Settles a closed release with the outcome that was recorded when it was closed. Idempotent. */
  settle(id: ReleaseId, at: number): Promise<ReleaseResult>;
}
