import type { Context } from '@restatedev/restate-sdk';

import type { ReleaseId } from '../../core/identifiers.ts';
import type { StepRetries } from '../../core/limits/limits.ts';
import type { Effect } from '../../core/releases/release.ts';
import type { Deps } from '../ports/deps.ts';
import { retriesExhausted } from '../durable/store-unavailable.ts';
import { ignoringCancellation } from '../durable/ignoring-cancellation.ts';

/** What the ledger says to everybody; what an operator needs is in the worker's log, and in the invocation of the Compensation object. */
const UNDO_FAILED = 'it could not be undone yet; an operator is needed';

/**
 * Undoes the effects of a closed release, last one first: all of them, even when one fails, and no cancel cuts it short.
 *
 * @param retries shorter where a tenant's key is held
 * @returns those that could not be undone within the retries; the ledger says so of each
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
        ctx.run('note failed undo', () => deps.settlements.noteUndoFailed(id, effect, UNDO_FAILED), retries),
      );
      failed.push(effect);
    }
  }
  return failed;
}
