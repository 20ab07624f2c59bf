import type { Context } from '@restatedev/restate-sdk';

import type { ReleaseId } from '@pointsman/protocol/identifiers';
import type { StepRetries } from '../../core/limits/limits.ts';
import type { Effect } from '@pointsman/protocol/releases/release';
import type { Deps } from '../ports/deps.ts';
import { retriesExhausted } from '../durable/store-unavailable.ts';
import { ignoringCancellation } from '../durable/ignoring-cancellation.ts';

/**
 * The text that the effect ledger shows to API clients. The details are in the worker's log, and in the
 * paused invocation of the Compensation object.
 */
const UNDO_FAILED = 'the undo failed; an operator must fix the cause';

/**
 * Undoes all effects of a closed release, starting with the last one. Continues after a failed undo, and
 * ignores cancellations.
 * @param retries the retry policy of each undo; a caller that holds the tenant's key passes one with fewer
 * retries
 * @returns the effects that could not be undone within the retries; the effect ledger shows each of them as
 * failed
 */
export async function undoAll(
  ctx: Context,
  deps: Deps,
  id: ReleaseId,
  effects: readonly Effect[],
  retries: StepRetries,
): Promise<Effect[]> {
  const failed: Effect[] = [];
  for (const effect of effects) {
    try {
      await ignoringCancellation(() =>
        ctx.run('undo effect', () => deps.settlements.undo(id, effect), retries),
      );
    } catch (error) {
      if (!retriesExhausted(error)) throw error;
      await ignoringCancellation(() =>
        ctx.run(
          'record failed undo',
          () => deps.settlements.recordUndoFailure(id, effect, UNDO_FAILED),
          retries,
        ),
      );
      failed.push(effect);
    }
  }
  return failed;
}
