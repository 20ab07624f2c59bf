import { z } from 'zod';

import { Generation, type ReleaseId } from '@pointsman/protocol/identifiers';
import { Effect, FailedOutcome, type Stage } from '@pointsman/protocol/releases/release';
import { ReleaseResult } from '../contract/release.ts';

/** The port that settles releases in the database. The rules of ports/deps.ts apply here too. */

export const Closing = z.discriminatedUnion('kind', [
  /**
   * The release is closed and can have no further effects. The caller must undo these remaining effects, the
   * last one first.
   */
  z.object({
    kind: z.literal('closing'),
    outcome: FailedOutcome,
    reason: z.string(),
    effects: z.array(Effect),
  }),
  /** It is too late to close the release: the pointer has moved, so the release continues to its end. */
  z.object({ kind: z.literal('moved'), generation: Generation, seq: z.number().int() }),
  ReleaseResult.extend({ kind: z.literal('settled') }),
]);
export type Closing = z.infer<typeof Closing>;

export interface CloseRequest {
  readonly outcome: FailedOutcome;
  /** True if a recorded intent to supersede or cancel the release takes precedence over this outcome. */
  readonly yieldsToIntent: boolean;
  readonly reason: string;
  /** The stage in which the release stopped. Null if unknown. */
  readonly stage: Stage | null;
  readonly at: number;
}

export interface Settlements {
  close(id: ReleaseId, request: CloseRequest): Promise<Closing>;
  /** Undoes one effect of a closed release, if it has not been undone yet. */
  undo(id: ReleaseId, effect: Effect): Promise<void>;
  recordUndoFailure(id: ReleaseId, effect: Effect, reason: string): Promise<void>;
  /**
   * Settles the release, with the outcome that was recorded when it was closed, or with `published` if its
   * pointer has moved. Idempotent.
   */
  settle(id: ReleaseId, at: number): Promise<ReleaseResult>;
}
