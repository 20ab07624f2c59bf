import { z } from 'zod';

import { Generation, type ReleaseId } from '@pointsman/protocol/identifiers';
import { Effect, FailedOutcome, type Stage } from '@pointsman/protocol/releases/release';
import { ReleaseResult } from '../contract/release.ts';

/** How a release ends in the record. The rules of ports/deps.ts apply here too. */

export const Closing = z.discriminatedUnion('kind', [
  /**
   * From now on the release has no further effects. These effects remain and must be undone, the last one
   * first.
   */
  z.object({
    kind: z.literal('closing'),
    outcome: FailedOutcome,
    reason: z.string(),
    effects: z.array(Effect),
  }),
  /** Too late: the pointer has moved, so the release continues to the end. */
  z.object({ kind: z.literal('moved'), generation: Generation, seq: z.number().int() }),
  ReleaseResult.extend({ kind: z.literal('settled') }),
]);
export type Closing = z.infer<typeof Closing>;

export interface CloseRequest {
  readonly outcome: FailedOutcome;
  /** A recorded intent takes precedence, if there is one: a supersede, or a cancel with its reason. */
  readonly yieldsToIntent: boolean;
  readonly reason: string;
  /** The stage at which the release stopped. Null when unknown. */
  readonly stage: Stage | null;
  readonly at: number;
}

export interface Settlements {
  close(id: ReleaseId, request: CloseRequest): Promise<Closing>;
  /** Undoes one effect of a closed release, if it has not been undone yet. */
  undo(id: ReleaseId, effect: Effect): Promise<void>;
  recordUndoFailure(id: ReleaseId, effect: Effect, reason: string): Promise<void>;
  /**
   * Settles the release: with the outcome that the close decided, or with `published` for a release whose
   * pointer moved. Idempotent.
   */
  settle(id: ReleaseId, at: number): Promise<ReleaseResult>;
}
